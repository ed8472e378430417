//! What keeps the source a room one can live in: direction of use, sizes, names, and who may ask for the time, the database or HTTP.
//!
//! The rules read the text of `src`, with comments and literals blanked and the tests at the foot of a file left out. Each rule is
//! itself shown to fail, on a snippet that breaks it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

/// Slices from the ground up; what stands in one line may use each other and everything above. `app` mounts all, `cli` starts it.
const LAYERS: &[&[&str]] = &[
    &[
        "error",
        "lifecycle",
        "clock",
        "config",
        "telemetry",
        "db",
        "seal",
        "http",
        "identity",
        "events",
        "webhooks",
        "bulk",
        "jobs",
    ],
    &["regions", "calendar"],
    &["parties"],
    &["workers"],
    &["linkage"],
    &["agreements"],
    &["quotas"],
    &["dispatches"],
    &["arrivals"],
    &["retention"],
    &["fulfilment"],
    &["reconciliation"],
    &["discrepancies"],
    &["statements"],
    &["indicators", "public_register"],
    &["interchange"],
    &["code_lists", "sandbox"],
    &["app"],
    &["cli", "demo", "main", "lib"],
];

/// Where the direction is broken knowingly: user (a path below `src`), used, reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "http/",
        "app",
        "extractors and pages are handed the application's state; the document is collected from its routes",
    ),
    ("identity.rs", "app", "the caller extractor is handed the application's state"),
    ("identity/", "app", "the token endpoint is handed the application's state"),
    ("events/routes.rs", "app", "a handler is handed the application's state"),
    ("bulk", "app", "rows are carried out with what the application hands to commands"),
    ("jobs", "app", "a job is carried out with what the application hands to commands"),
    ("_command.rs", "app", "a command over rows is handed the application's state, in a request and in a job"),
    ("_commands.rs", "app", "a command over rows is handed the application's state, in a request and in a job"),
    ("routes.rs", "app", "a handler is handed the application's state"),
    ("routes/", "app", "a handler is handed the application's state"),
];

/// Besides `db/` and files named `store`: where queries may stand, and why.
const QUERIES: &[(&str, &str)] = &[
    ("error.rs", "turns what the database says into a problem"),
    ("events/log.rs", "appends to the chains in the command's transaction"),
    ("events/feed.rs", "gives the order after commit and reads it back"),
    ("http/idempotency.rs", "keeps the key's row in the command's transaction"),
    ("http/docs/pages.rs", "asks the database whether it answers"),
    ("bulk/carrying_out.rs", "takes back a call that was only to be validated"),
    ("quotas/accounts.rs", "moves places by one conditional statement"),
    ("quotas/accounts/caps.rs", "opens a cap with everything that is taken under it"),
    ("dispatches/tally.rs", "locks the counters that officials read"),
    ("dispatches/outcomes.rs", "applies what happened to many placements at once"),
    ("dispatches/outcomes/places.rs", "moves the places of many placements at once"),
    ("dispatches/checks.rs", "schedules retention checks of many placements at once"),
    ("retention/checks.rs", "writes the decided checks of many placements at once"),
    ("retention/cohort.rs", "counts a cohort in one statement"),
    ("demo.rs", "asks once whether the database is empty before it plays"),
];

/// Besides `http/`, files named `routes`, `app` and `cli`: where actix may stand, and why.
const HTTP: &[(&str, &str)] = &[
    ("identity.rs", "the caller is an extractor"),
    ("identity/oauth.rs", "the token endpoint and its metadata speak OAuth's own shapes"),
    ("identity/oauth/refused.rs", "refusals of the token endpoint are answers of OAuth's own shape"),
    ("bulk/posted.rs", "reads the rows of a request, in whichever form"),
    ("demo.rs", "starts the server it plays against"),
];

/// What is over budget today, with its size. The list may only shrink: whoever grows one of these, or lets one become smaller without
/// saying so here, is told.
const OVER_BUDGET: &[(&str, usize)] = &[];

/// Names that two described types have, and why nobody is misled.
const SHARED_NAMES: &[(&str, &str)] =
    &[("Standing", "the standing of a figure is written in line where it is a parameter")];

const BANNED_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager", "service", "misc"];
const LINES_OF_FILE: usize = 400;
const LINES_OF_FUNCTION: usize = 70;
const LINES_OF_HANDLER: usize = 25;

/// A source file without its tests, and the same with comments and literals blanked.
struct Source {
    path: String,
    text: String,
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let kept = text.split_once("\n#[cfg(test)]\nmod tests").map_or(text, |(kept, _)| kept);
        Self { path: path.to_owned(), text: kept.to_owned(), code: blanked(kept) }
    }

    /// The slice it belongs to: `workers/store.rs` and `workers.rs` are of `workers`.
    fn slice(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    fn is_named(&self, name: &str) -> bool {
        self.path.split('/').any(|part| part == name || part == format!("{name}.rs"))
    }

    /// Lines of the code that hold one of the words, with their numbers. A call is one by its whole name: `draft_statement(` is none of
    /// `statement(`.
    fn lines_with<'a>(&'a self, words: &'a [&str]) -> impl Iterator<Item = (usize, &'a str)> {
        let holds = |line: &str, word: &str| {
            line.match_indices(word).any(|(at, _)| {
                let within_a_name = line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
                !(within_a_name && word.ends_with('('))
            })
        };
        let lines = self.code.lines().enumerate();
        lines
            .filter(move |(_, line)| words.iter().any(|word| holds(line, word)))
            .map(|(at, line)| (at + 1, line.trim()))
    }
}

/// The text with comments, strings and characters replaced by spaces, line by line as long as before.
fn blanked(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let end = end_of_literal(&letters, at).min(letters.len());
        if end == at {
            code.push(letters[at]);
            at += 1;
        } else {
            code.extend(letters[at..end].iter().map(|letter| if *letter == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// Where the comment or literal that begins here is over; here, when none begins.
fn end_of_literal(letters: &[char], at: usize) -> usize {
    let rest = &letters[at..];
    match (rest[0], rest.get(1)) {
        ('/', Some('/')) => at + rest.iter().take_while(|letter| **letter != '\n').count(),
        ('/', Some('*')) => at + 2 + rest[2..].windows(2).take_while(|pair| pair != &['*', '/']).count() + 2,
        ('"', _) => end_of_string(letters, at),
        ('r', Some('"' | '#')) if at == 0 || !letters[at - 1].is_alphanumeric() => end_of_raw_string(letters, at),
        ('\'', Some('\\')) => at + 3 + rest[3..].iter().take_while(|letter| **letter != '\'').count() + 1,
        ('\'', Some(_)) if rest.get(2) == Some(&'\'') => at + 3,
        _ => at,
    }
}

fn end_of_string(letters: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < letters.len() && letters[at] != '"' {
        at += if letters[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn end_of_raw_string(letters: &[char], start: usize) -> usize {
    let hashes = letters[start + 1..].iter().take_while(|letter| **letter == '#').count();
    if letters.get(start + 1 + hashes) != Some(&'"') {
        return start;
    }
    let closes = |at: usize| {
        letters[at] == '"' && letters[at + 1..].iter().take_while(|letter| **letter == '#').count() >= hashes
    };
    let closing = (start + 2 + hashes..letters.len()).find(|at| closes(*at));
    closing.map_or(letters.len(), |at| at + 1 + hashes)
}

/// A function: its name, where it begins, how many lines it has, whether it is a handler.
struct Function {
    name: String,
    line: usize,
    lines: usize,
    is_handler: bool,
}

fn functions(source: &Source) -> Vec<Function> {
    let lines: Vec<&str> = source.code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((before, after)) = line.split_once("fn ") else { continue };
        let declares = before
            .trim()
            .split(' ')
            .all(|word| word.is_empty() || word.starts_with("pub") || ["const", "async"].contains(&word));
        if !declares {
            continue;
        }
        let (mut depth, mut opened) = (0_i32, false);
        let mut length = 0;
        for inner in &lines[at..] {
            length += 1;
            for letter in inner.chars() {
                match letter {
                    '{' => (depth, opened) = (depth + 1, true),
                    '}' => depth -= 1,
                    _ => {}
                }
            }
            if (opened && depth == 0) || (!opened && inner.trim_end().ends_with(';')) {
                break;
            }
        }
        let attributes = lines[..at].iter().rev().take_while(|line| !line.trim().is_empty() && line.trim() != "}");
        let is_handler = attributes.into_iter().any(|line| {
            ["#[get(", "#[post(", "#[patch(", "#[put(", "#[delete("].iter().any(|route| line.trim().starts_with(route))
        });
        let name = after.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        found.push(Function { name, line: at + 1, lines: length, is_handler });
    }
    found
}

type Rule = fn(&Source) -> Vec<String>;

/// Every rule with the name it is reported under.
const RULES: &[(&str, Rule)] = &[
    ("a lower slice may use a higher one, never back", direction_of_use),
    ("a file has at most 400 lines, a function 70, a handler 25", sizes),
    ("names say what a thing is", names),
    ("only the clock asks for the time", time),
    ("every module says what it is about", module_words),
    ("nothing is left for later", leftovers),
    ("queries stand in the store", queries),
    ("HTTP stands in routes", http),
    ("statements are the same for both back ends", placeholders),
    ("a handler that takes If-Match says so in the document", versions),
];

fn direction_of_use(source: &Source) -> Vec<String> {
    let level = |slice: &str| LAYERS.iter().position(|layer| layer.contains(&slice));
    let Some(own) = level(source.slice()) else {
        return vec![format!("{} belongs to no layer", source.path)];
    };
    let mut found = Vec::new();
    for (line, text) in source.code.lines().enumerate() {
        for used in text.split("crate::").skip(1) {
            let used: String = used.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            let excepted = EXCEPTIONS.iter().any(|(user, of, _)| {
                *of == used
                    && (source.path.starts_with(user)
                        || source.path.ends_with(user)
                        || (user.ends_with('/') && source.path.contains(user)))
            });
            if level(&used).is_some_and(|level| level > own) && !excepted {
                found.push(format!("{}:{} uses {used}, which stands above it", source.path, line + 1));
            }
        }
    }
    found
}

fn sizes(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let lines = source.text.lines().count();
    if lines > LINES_OF_FILE && !OVER_BUDGET.contains(&(source.path.as_str(), lines)) {
        found.push(format!("{} has {lines} lines", source.path));
    }
    for function in functions(source) {
        let most = if function.is_handler { LINES_OF_HANDLER } else { LINES_OF_FUNCTION };
        let known = format!("{} {}", source.path, function.name);
        if function.lines > most && !OVER_BUDGET.contains(&(known.as_str(), function.lines)) {
            found.push(format!(
                "{}:{} {} has {} lines, at most {most}",
                source.path, function.line, function.name, function.lines
            ));
        }
    }
    found
}

fn names(source: &Source) -> Vec<String> {
    let mut found: Vec<String> = source
        .path
        .split(['/', '.'])
        .filter(|part| BANNED_NAMES.contains(part))
        .map(|part| format!("{} is named {part}", source.path))
        .collect();
    for (line, text) in source.code.lines().enumerate() {
        let mut words = text.split_whitespace().skip_while(|word| word.starts_with("pub"));
        let declares =
            words.next().is_some_and(|word| ["struct", "enum", "trait", "type", "mod", "fn"].contains(&word));
        let name: String = words
            .next()
            .unwrap_or_default()
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect();
        let lower = name.to_lowercase();
        if declares
            && BANNED_NAMES.iter().any(|banned| lower == *banned || (banned.len() > 4 && lower.ends_with(banned)))
        {
            found.push(format!("{}:{} declares {name}", source.path, line + 1));
        }
    }
    if source.path.ends_with("/mod.rs") {
        found.push(format!("{}: a module is foo.rs beside foo/", source.path));
    }
    found
}

fn time(source: &Source) -> Vec<String> {
    if source.path == "clock.rs" {
        return Vec::new();
    }
    let found = source.lines_with(&["Timestamp::now", "SystemTime::now", "Zoned::now", "Utc::now", "Local::now"]);
    found.map(|(line, text)| format!("{}:{line} {text}", source.path)).collect()
}

fn module_words(source: &Source) -> Vec<String> {
    let says = source.text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 20);
    if says { Vec::new() } else { vec![format!("{} does not begin with what it is about", source.path)] }
}

fn leftovers(source: &Source) -> Vec<String> {
    let in_text = ["TODO", "FIXME", "XXX", "HACK"];
    let noted = source.text.lines().enumerate().filter(|(_, line)| in_text.iter().any(|word| line.contains(word)));
    let noted = noted.map(|(line, text)| format!("{}:{} {}", source.path, line + 1, text.trim()));
    let stubs = source.lines_with(&["todo!(", "unimplemented!(", "dbg!("]);
    noted.chain(stubs.map(|(line, text)| format!("{}:{line} {text}", source.path))).collect()
}

/// What `If-Match` is sent to an operation for must not be ignored, and what is heeded must be known.
fn versions(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.code.lines().collect();
    let mut found = Vec::new();
    for function in functions(source).iter().filter(|function| function.is_handler) {
        let at = function.line - 1;
        let opens = lines[at..].iter().position(|line| line.ends_with('{')).unwrap_or_default();
        let takes = lines[at..=at + opens].iter().any(|line| line.contains(": IfMatch"));
        let mut described = lines[..at].iter().rev().take_while(|line| line.trim() != "}");
        if takes != described.any(|line| line.contains("IfMatch") && !line.starts_with("use ")) {
            found.push(format!("{}:{} {}", source.path, function.line, function.name));
        }
    }
    found
}

fn queries(source: &Source) -> Vec<String> {
    let allowed = source.slice() == "db"
        || source.is_named("store")
        || source.path.ends_with("_store.rs")
        || QUERIES.iter().any(|(path, _)| *path == source.path);
    if allowed {
        return Vec::new();
    }
    // The derives of a row stand with the concept; what is refused is asking.
    let found = source.lines_with(&[
        "statement(",
        "RunQueryDsl",
        "QueryDsl",
        "ExpressionMethods",
        "diesel::insert_into",
        "diesel::update",
        "diesel::delete",
        "diesel::select",
        "sql_query",
    ]);
    found.map(|(line, text)| format!("{}:{line} {text}", source.path)).collect()
}

fn http(source: &Source) -> Vec<String> {
    let allowed = ["http", "app", "cli", "main"].contains(&source.slice())
        || source.is_named("routes")
        || HTTP.iter().any(|(path, _)| *path == source.path);
    if allowed {
        return Vec::new();
    }
    source.lines_with(&["actix_web", "HttpRe"]).map(|(line, text)| format!("{}:{line} {text}", source.path)).collect()
}

fn placeholders(source: &Source) -> Vec<String> {
    let is_bind =
        |line: &str| line.split('$').skip(1).any(|after| after.starts_with(|letter: char| letter.is_ascii_digit()));
    let found = source.text.lines().enumerate().filter(|(_, line)| is_bind(line));
    found.map(|(line, text)| format!("{}:{} a bind is written as ?: {}", source.path, line + 1, text.trim())).collect()
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                sources.push(Source::new(&name, &std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources.sort_by(|left, right| left.path.cmp(&right.path));
    sources
}

#[test]
fn the_source_keeps_its_rules() {
    let sources = sources();
    assert!(sources.len() > 50, "the source was found");
    let mut broken = Vec::new();
    for (name, rule) in RULES {
        let found: Vec<String> = sources.iter().flat_map(rule).collect();
        if !found.is_empty() {
            broken.push(format!("{name}:\n  {}", found.join("\n  ")));
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// The types whose schema stands in the API document under their own name.
fn described_types(source: &Source) -> Vec<String> {
    let mut described = false;
    let mut names = Vec::new();
    for line in source.code.lines().map(str::trim) {
        described |= line.contains("ToSchema)") || line.contains("ToSchema,") || line.contains("text_enum! {");
        let name = line.strip_prefix("pub struct ").or(line.strip_prefix("pub enum "));
        if let Some(name) = name {
            let end = name.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(name.len());
            if std::mem::take(&mut described) {
                names.push(name[..end].to_owned());
            }
        }
    }
    names
}

/// The document knows a schema by its name alone: of two with one name it shows one, at the operations of both.
#[test]
fn what_the_document_describes_has_a_name_of_its_own() {
    let example = "#[derive(Debug, ToSchema)]\n#[serde(x)]\npub struct Quota {}\npub struct Row;\ncrate::text_enum! {\npub enum State {";
    assert_eq!(described_types(&Source::new("quotas.rs", example)), ["Quota", "State"]);
    let mut names: Vec<String> = sources().iter().flat_map(described_types).collect();
    names.sort();
    assert!(names.len() > 50, "the types were found: {names:?}");
    let twice: Vec<&str> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].as_str()).collect();
    let known: Vec<&str> = SHARED_NAMES.iter().map(|(name, _)| *name).collect();
    assert_eq!(twice, known);
}

/// Whoever declares values that people will see finds them a list, under which their labels are read.
#[test]
fn every_enumeration_has_its_code_list() {
    let sources = sources();
    let lists = &sources.iter().find(|source| source.path == "code_lists.rs").unwrap().code;
    let mut declared = 0;
    for source in &sources {
        for declaration in source.code.split("crate::text_enum! {").skip(1) {
            let name = declaration.split_once("pub enum ").unwrap().1.split_whitespace().next().unwrap();
            assert!(lists.contains(&format!("{name}::labels")), "{} of {} has no code list", name, source.path);
            declared += 1;
        }
    }
    assert!(declared > 50, "the enumerations were found: {declared}");
}

#[test]
fn what_is_excepted_is_still_there() {
    let sources = sources();
    for (path, reason) in QUERIES.iter().chain(HTTP) {
        assert!(sources.iter().any(|source| source.path == *path), "{path} is gone: {reason}");
    }
    for (user, used, reason) in EXCEPTIONS {
        let uses = |source: &Source| source.path.contains(user) && source.code.contains(&format!("crate::{used}"));
        assert!(sources.iter().any(uses), "{user} no longer uses {used}: {reason}");
    }
}

#[test]
fn every_rule_can_fail() {
    let long_function = format!("//! About long functions.\nfn long() {{\n{}}}\n", "    step();\n".repeat(70));
    let long_handler =
        format!("//! About long handlers here.\n#[get(\"/v1\")]\nfn long() {{\n{}}}\n", "    step();\n".repeat(25));
    let act = "#[post(\"/v1\")]\nfn act(\n    if_match: IfMatch,\n) -> Result<Answer> {\n}\n";
    let heeded = format!("#[utoipa::path(params(Id))]\n{act}");
    let said = format!("#[utoipa::path(params(Id, IfMatch))]\n{act}");
    let said_only = said.replace("    if_match: IfMatch,\n", "    id: Id,\n");
    let long_file = format!("//! About long files.\n{}", "const A: u8 = 1;\n".repeat(400));
    for (name, path, text, finds) in [
        ("lower", "quotas/rules.rs", "use crate::dispatches::Placement;", true),
        ("higher", "dispatches/rules.rs", "use crate::quotas::Quota;", false),
        ("lower", "quotas/rules.rs", "use crate::app::State;", true),
        ("excepted", "quotas/routes.rs", "use crate::app::State;", false),
        ("excepted", "quotas/routes/publication.rs", "use crate::app::State;", false),
        ("unknown", "pigeons.rs", "", true),
        ("only said", "quotas/rules.rs", "// crate::dispatches decides\nconst A: &str = \"crate::dispatches\";", false),
    ] {
        assert_eq!(!direction_of_use(&Source::new(path, text)).is_empty(), finds, "{name}: {path} {text}");
    }
    let sizes: Rule = sizes;
    for (rule, path, bad, good) in [
        (sizes, "a.rs", long_function.as_str(), "fn short() {\n}\n"),
        (sizes, "a/routes.rs", long_handler.as_str(), "#[get(\"/v1\")]\nfn short() {}\n"),
        (sizes, "a.rs", long_file.as_str(), "const A: u8 = 1;\n\n#[cfg(test)]\nmod tests {\n}\n"),
        (names, "quotas/rules.rs", "pub struct QuotaManager;", "pub struct Quota;"),
        (names, "quotas/rules.rs", "mod helpers;", "mod accounts;"),
        (time, "quotas/rules.rs", "let now = jiff::Timestamp::now();", "let now = clock.now();"),
        (module_words, "quotas.rs", "use std::fmt;", "//! Places a destination offers under an agreement."),
        (leftovers, "quotas.rs", "// TODO later", "// Later rows win."),
        (leftovers, "quotas.rs", "fn a() { todo!() }", "fn a() { \"todo!()\" }"),
        (queries, "quotas/rules.rs", "statement(\"select 1\").run(c)", "// statement( is for the store"),
        (queries, "quotas/rules.rs", "let found = statement(text);", "let found = draft_statement(text);"),
        (http, "quotas/rules.rs", "use actix_web::web;", "use jiff::civil::Date;"),
        (placeholders, "quotas/store.rs", "statement(\"select $1\")", "statement(\"select ?\")"),
        (versions, "quotas/routes.rs", heeded.as_str(), said.as_str()),
        (versions, "quotas/routes.rs", said_only.as_str(), "#[post(\"/v1\")]\nfn act() -> Result<Answer> {\n}\n"),
    ] {
        assert!(!rule(&Source::new(path, bad)).is_empty(), "{bad}");
        assert_eq!(rule(&Source::new(path, good)), Vec::<String>::new(), "{good}");
    }
    assert!(
        names(&Source::new("quotas/utils.rs", "")).len() == 1 && names(&Source::new("quotas/mod.rs", "")).len() == 1
    );
}

#[test]
fn only_code_counts_as_code() {
    for (text, code) in [
        ("let a = \"{ fn \\\" }\"; b", "let a = ; b"),
        ("a // { fn\nb", "a b"),
        ("a /* { */ b", "a b"),
        ("let c = '{'; let d: &'static str", "let c = ; let d: &'static str"),
        ("let c = '\\''; d", "let c = ; d"),
        ("a r#\"a \" {\"#; b", "a ; b"),
        ("a r\"\\\"; b", "a ; b"),
        ("raw\"{\"", "raw"),
    ] {
        let words = blanked(text);
        assert_eq!(words.split_whitespace().collect::<Vec<_>>(), code.split_whitespace().collect::<Vec<_>>(), "{text}");
        assert_eq!(words.lines().count(), text.lines().count());
    }
}
