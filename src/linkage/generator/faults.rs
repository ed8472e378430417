//! The faults of rosters, each as often as a bad file has it.

use super::GeneratedRow;
use super::draws::Draws;
use super::words;
use crate::workers::identity_number::check_character;

/// The origin copies from its register: cells are whole, some are empty, dates and places are written in its way.
pub(super) fn of_origin(mut row: GeneratedRow, draws: &mut Draws) -> GeneratedRow {
    row.township = format!("邵阳县{}", row.township);
    if draws.chance(6) {
        row.phone.clear();
    }
    if draws.chance(8) {
        row.identity_number = old_form(&row.identity_number);
    }
    if draws.chance(10) {
        row.identity_number.clear();
    }
    row
}

/// The destination writes by ear, by hand and from photographs.
pub(super) fn of_destination(mut row: GeneratedRow, draws: &mut Draws) -> GeneratedRow {
    row.name = name(&row.name, draws);
    row.identity_number = identity_number(&row.identity_number, draws);
    row.birth_date = birth_date(&row.birth_date, draws);
    row.phone = match draws.below(100) {
        // Given up for a local number.
        0..14 => format!("100{:08}", draws.below(100_000_000)),
        // The team leader's, for everybody.
        14..20 => format!("1000000000{}", draws.below(5)),
        20..30 => String::new(),
        30..34 => one_digit_off(&row.phone, draws),
        _ => row.phone,
    };
    row.township = match draws.below(100) {
        // Moved on marriage, or wrote the place of the household.
        0..8 => draws.pick(words::TOWNSHIPS).to_owned(),
        8..18 => String::new(),
        18..40 => format!("湖南省邵阳市邵阳县{}", row.township),
        _ => row.township,
    };
    match draws.below(100) {
        0..5 => row.sex.clear(),
        5..6 => row.sex = String::from(if row.sex == "女" { "男" } else { "女" }),
        _ => {}
    }
    row
}

fn name(name: &str, draws: &mut Draws) -> String {
    match draws.below(100) {
        0..9 => replaced(name, words::HOMOPHONES, draws),
        9..11 => replaced(name, words::BY_EAR, draws),
        11..20 => in_other_form(name, draws),
        20..22 => swapped(name),
        // A character that could not be typed.
        22..24 => {
            let last = name.chars().next_back().unwrap_or_default();
            name.replace(last, "?")
        }
        24..26 => name.replace('·', "．"),
        26..30 => name.chars().map(String::from).collect::<Vec<_>>().join("　"),
        _ => name.to_owned(),
    }
}

/// Puts another character of the same group for one of the name, from the end: surnames are misheard less often.
fn replaced(name: &str, groups: &[&str], draws: &mut Draws) -> String {
    for letter in name.chars().rev() {
        if let Some(group) = groups.iter().find(|group| group.contains(letter)) {
            let others: Vec<char> = group.chars().filter(|other| *other != letter).collect();
            if !others.is_empty() {
                return name.replacen(letter, &draws.pick(&others).to_string(), 1);
            }
        }
    }
    name.to_owned()
}

fn in_other_form(name: &str, draws: &mut Draws) -> String {
    let known: Vec<(&str, &str)> = words::OTHER_FORMS.iter().copied().filter(|(one, _)| name.contains(one)).collect();
    let (one, other) = draws.pick(&known);
    if one.is_empty() { name.to_owned() } else { name.replace(one, other) }
}

/// Given name first.
fn swapped(name: &str) -> String {
    if let Some((one, other)) = name.split_once('·') {
        return format!("{other}·{one}");
    }
    let mut letters = name.chars();
    let surname: String = letters.by_ref().take(if name.starts_with("欧阳") { 2 } else { 1 }).collect();
    format!("{}{surname}", letters.as_str())
}

fn identity_number(number: &str, draws: &mut Draws) -> String {
    let part = |from: usize, to: usize| number.get(from..to).unwrap_or_default();
    match draws.below(100) {
        // As public notices mask it, and stronger.
        0..30 => format!("{}********{}", part(0, 6), part(14, 18)),
        30..38 => format!("{}*************{}", part(0, 3), part(16, 18)),
        // Cut off by a narrow column.
        38..46 => part(0, 14).to_owned(),
        // The last four only, as a desk asks for.
        46..54 => part(14, 18).to_owned(),
        // A wrong digit: the check character no longer fits.
        54..66 => one_digit_off(number, draws),
        66..70 => old_form(number),
        70..74 => format!("{}000", part(0, 15)),
        // Whole: such rows are matched by the keyed index before this matcher is asked, so few are left.
        74..78 => number.to_owned(),
        _ => String::new(),
    }
}

fn birth_date(date: &str, draws: &mut Draws) -> String {
    let mut parts = date.split('-');
    let (Some(year), Some(month), Some(day)) = (parts.next(), parts.next(), parts.next()) else {
        return date.to_owned();
    };
    match draws.below(100) {
        0..14 => format!("{year}年{month}月"),
        14..20 => format!("{year}.{}", month.trim_start_matches('0')),
        20..50 => format!("{year}/{}/{}", month.trim_start_matches('0'), day.trim_start_matches('0')),
        50..54 => format!("{year}-{day}-{month}"),
        54..57 => one_digit_off(date, draws),
        57..70 => String::new(),
        _ => date.to_owned(),
    }
}

fn one_digit_off(text: &str, draws: &mut Draws) -> String {
    let digits: Vec<usize> =
        text.char_indices().filter(|(_, letter)| letter.is_ascii_digit()).map(|(place, _)| place).collect();
    let place = draws.pick(&digits);
    let change = |letter: char| letter.to_digit(10).and_then(|digit| char::from_digit((digit + 1) % 10, 10));
    text.char_indices()
        .map(|(at, letter)| if at == place { change(letter).unwrap_or(letter) } else { letter })
        .collect()
}

/// The 15 digits of before 1999; only of people born in the 1900s.
fn old_form(number: &str) -> String {
    match (number.get(..6), number.get(6..8), number.get(8..17)) {
        (Some(area), Some("19"), Some(rest)) => format!("{area}{rest}"),
        _ => number.to_owned(),
    }
}

/// Seventeen digits with their check character.
pub(super) fn with_check(body: &str) -> String {
    let digits: Vec<u32> = body.chars().filter_map(|letter| letter.to_digit(10)).collect();
    check_character(&digits).map_or_else(|| body.to_owned(), |check| format!("{body}{check}"))
}
