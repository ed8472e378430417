//! Files made to stop the service: each is refused quickly and costs next to nothing. A child process reads them, so that its peak of
//! memory is theirs.

use std::io::{Cursor, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use labour_exchange::interchange::reading::{self, FileFormat};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Longest reading of a file that is refused, on a machine that does other things too.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
/// Most memory a file may cost that is refused, in KiB.
const GROWTH_MAX: u64 = 32 * 1024;
/// Tells the child which file it is about.
const NAME: &str = "LABOUR_EXCHANGE_BOMB";

const TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#;
const RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const WORKBOOK: &str = r#"<?xml version="1.0" encoding="UTF-8"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="名单" sheetId="1" r:id="s1"/></sheets></workbook>"#;
const SHEETS: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="s1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="s2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;
const OPEN: &str = r#"<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#;
const CLOSE: &str = "</sheetData></worksheet>";

/// A workbook of one sheet, with these further parts.
fn package(sheet: &[u8], more: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let own = [
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", RELATIONS.as_bytes()),
        ("xl/workbook.xml", WORKBOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", SHEETS.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    for (name, bytes) in own.iter().chain(more) {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn sheet(rows: &str) -> Vec<u8> {
    format!("{OPEN}{rows}{CLOSE}").into_bytes()
}

fn cell(place: &str, text: &str) -> String {
    format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

fn row(number: usize, cells: &str) -> String {
    format!("<row r=\"{number}\">{cells}</row>")
}

/// The file of a name, and the code it is refused with.
fn bomb(name: &str) -> (Vec<u8>, FileFormat, &'static str) {
    let list = row(1, &(cell("A1", "姓名") + &cell("B1", "身份证号")));
    let texts = |head: &str, body: &str| {
        format!(
            "<?xml version=\"1.0\"?>{head}<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"{body}</sst>"
        )
    };
    let xlsx = |bytes, code| (bytes, FileFormat::Xlsx, code);
    match name {
        "far cell" => {
            xlsx(package(&sheet(&(list + &row(1_048_576, &cell("XFD1048576", "x")))), &[]), "columns_too_many")
        }
        "string of 256 MiB" => {
            let mut long = sheet("");
            long.splice(
                OPEN.len()..OPEN.len(),
                format!("<row r=\"1\">{}", cell("A1", &"a".repeat(256 * 1024 * 1024))).into_bytes(),
            );
            xlsx(package(&long, &[]), "workbook_refused")
        }
        "10,000 entries" => {
            let names: Vec<String> = (0..10_000).map(|n| format!("xl/media/{n}.png")).collect();
            let more: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), [].as_slice())).collect();
            xlsx(package(&sheet(&list), &more), "workbook_refused")
        }
        "ratio of 1:1000" => {
            let many = "<c/>".repeat(8 * 1024 * 1024);
            xlsx(package(&sheet(&row(1, &many)), &[]), "workbook_refused")
        }
        "lying sizes" => {
            let mut bytes = package(&sheet(&list), &[]);
            // The uncompressed size in the central directory: 24 bytes behind its signature.
            let places: Vec<usize> =
                bytes.windows(4).enumerate().filter(|(_, four)| *four == b"PK\x01\x02").map(|(at, _)| at).collect();
            for at in places {
                bytes[at + 24..at + 28].copy_from_slice(&7_u32.to_le_bytes());
            }
            xlsx(bytes, "workbook_damaged")
        }
        "billion laughs" => {
            let mut entities = "<!DOCTYPE sst [<!ENTITY a0 \"lol\">".to_owned();
            for n in 1..10 {
                entities += &["<!ENTITY a", &n.to_string(), " \"", &format!("&a{};", n - 1).repeat(10), "\">"].concat();
            }
            let strings = texts(&(entities + "]>"), "><si><t>&a9;</t></si>");
            xlsx(package(&sheet(&list), &[("xl/sharedStrings.xml", strings.as_bytes())]), "workbook_refused")
        }
        "claimed texts" => {
            let strings = texts("", " uniqueCount=\"99999999999999\"><si><t>a</t></si>");
            xlsx(package(&sheet(&list), &[("xl/sharedStrings.xml", strings.as_bytes())]), "workbook_refused")
        }
        "merged ranges" => {
            let merges: String = (0..3_500_000).map(|_| "<mergeCell ref=\"A1:XFD1048576\"/>").collect();
            let bytes = format!("{OPEN}</sheetData><mergeCells>{merges}</mergeCells></worksheet>");
            xlsx(package(bytes.as_bytes(), &[]), "workbook_refused")
        }
        "path outside" => xlsx(package(&sheet(&list), &[("../../etc/passwd.xml", b"<a/>")]), "workbook_refused"),
        "truncated" => {
            let bytes = package(&sheet(&list), &[]);
            xlsx(bytes[..bytes.len() / 2].to_vec(), "workbook_damaged")
        }
        "old workbook" => xlsx(
            [&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], [0; 4096].as_slice()].concat(),
            "file_old_or_locked",
        ),
        "ten million commas" => (vec![b','; 10_000_000], FileFormat::Csv, "columns_too_many"),
        "a field without end" => {
            (format!("姓名,\"{}", "a".repeat(5_000_000)).into_bytes(), FileFormat::Csv, "cell_too_long")
        }
        "a million lines" => ("a,b\n".repeat(1_250_000).into_bytes(), FileFormat::Csv, "rows_too_many"),
        "wrong type" => (package(&sheet(&list), &[]), FileFormat::Csv, "file_type_differs"),
        "no workbook" => (b"%PDF-1.7".to_vec(), FileFormat::Xlsx, "file_type_differs"),
        _ => panic!("{name} is no bomb"),
    }
}

const BOMBS: [&str; 16] = [
    "far cell",
    "string of 256 MiB",
    "10,000 entries",
    "ratio of 1:1000",
    "lying sizes",
    "billion laughs",
    "claimed texts",
    "merged ranges",
    "path outside",
    "truncated",
    "old workbook",
    "ten million commas",
    "a field without end",
    "a million lines",
    "wrong type",
    "no workbook",
];

/// The peak of memory of this process, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The child: reads one file that lies ready, and tells time and memory. Not by itself a test of anything.
#[test]
fn a_child_reads_a_bomb() {
    let Ok(path) = std::env::var(NAME) else { return };
    let bytes = std::fs::read(&path).unwrap();
    let format = if path.ends_with("csv") { FileFormat::Csv } else { FileFormat::Xlsx };
    let (before, since) = (peak(), Instant::now());
    let refused = reading::read(&bytes, format, None).expect_err("it is refused");
    println!("BOMB {} {} {}", refused.code, since.elapsed().as_millis(), peak() - before);
}

#[test]
fn every_bomb_is_refused_at_once_and_costs_next_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for name in BOMBS {
        let (bytes, format, code) = bomb(name);
        let path = folder.path().join(format!("bomb.{format}"));
        std::fs::write(&path, &bytes).unwrap();
        drop(bytes);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "imports::bombs::a_child_reads_a_bomb", "--nocapture"])
            .env(NAME, &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        let told = said
            .split_once("BOMB ")
            .unwrap_or_else(|| panic!("{name}: {said} {}", String::from_utf8_lossy(&child.stderr)))
            .1;
        let told: Vec<&str> = told.lines().next().unwrap().split(' ').collect();
        let (elapsed, growth) = (Duration::from_millis(told[1].parse().unwrap()), told[2].parse::<u64>().unwrap());
        println!("{name}: {} in {elapsed:?}, {growth} KiB", told[0]);
        assert_eq!(told[0], code, "{name}");
        assert!(elapsed <= REFUSED_WITHIN, "{name} took {elapsed:?}");
        assert!(growth <= GROWTH_MAX, "{name} cost {growth} KiB");
    }
}

#[test]
fn the_sheet_the_bombs_are_made_of_can_be_read() {
    let list = row(3, &(cell("A3", "姓名") + &cell("C3", "身份证号")))
        + &row(5, "<c r=\"A5\"><v>46054</v></c><c r=\"B5\" t=\"b\"><v>1</v></c>");
    let read = reading::read(&package(&sheet(&list), &[]), FileFormat::Xlsx, None).unwrap();
    let shown: Vec<(usize, Vec<String>)> = read.sheets[0]
        .rows
        .iter()
        .map(|row| (row.number, row.cells.iter().map(reading::Cell::shown).collect()))
        .collect();
    let expected = [(3, vec!["姓名", "", "身份证号"]), (5, vec!["46054", "TRUE"])];
    assert_eq!(shown, expected.map(|(number, cells)| (number, cells.into_iter().map(str::to_owned).collect())));
}
