//! Canonical forms of Chinese names: one written form, and how it sounds.
//!
//! The **written form** folds what is only a way of writing the same character: full-width forms, middle dots and padding (by the
//! register's own rule, [`comparison_key`]), traditional and simplified characters (OpenCC's table, see `data/NOTICE.md`), and the
//! variant characters that clerks put for those their input method does not offer (`VARIANTS`). The **sound** is a list of syllables,
//! each with every reading the character has, so that 曾 (zēng, céng) sounds like both; a part typed in Latin letters (张lei) is read
//! as syllables too, and a sign that stands for a character nobody could type (?, □, *) as any sound at all.
//!
//! Folded names are *alike*, never the same: what is shown, sealed and indexed stays as it was written.

use std::collections::HashMap;
use std::sync::LazyLock;

use pinyin::{ToPinyin, ToPinyinMulti};

use crate::workers::person_name::comparison_key;

const TRADITIONAL_SIMPLIFIED: &str = include_str!("data/traditional_simplified.txt");

/// Variant characters in names with the common character that is typed for them: those which the General Standard Chinese Characters
/// table (通用规范汉字表, 2013) gave back to names, and a few more that registers are known for.
const VARIANTS: &[(char, char)] = &[
    ('喆', '哲'),
    ('堃', '坤'),
    ('昇', '升'),
    ('陞', '升'),
    ('甯', '宁'),
    ('淼', '渺'),
    ('犇', '奔'),
    ('邨', '村'),
    ('仝', '同'),
    ('甦', '苏'),
    ('龢', '和'),
    ('飏', '扬'),
    ('钜', '巨'),
    ('迺', '乃'),
    ('氾', '泛'),
    ('祕', '秘'),
    ('頫', '俯'),
    ('勣', '绩'),
    ('菉', '绿'),
    ('蒐', '搜'),
    ('椀', '碗'),
    ('谿', '溪'),
    ('筦', '管'),
    ('澂', '澄'),
    ('桠', '丫'),
    ('皙', '晰'),
    ('峯', '峰'),
    ('濬', '浚'),
    ('崐', '昆'),
    ('槑', '梅'),
    ('𠮷', '吉'),
    ('珎', '珍'),
    ('逺', '远'),
    ('衞', '卫'),
    ('彜', '彝'),
    ('姸', '妍'),
    ('髙', '高'),
    ('呉', '吴'),
    ('愼', '慎'),
    ('眞', '真'),
    ('淸', '清'),
    ('靑', '青'),
    ('晧', '皓'),
    ('寳', '宝'),
];

/// What stands in a cell for a character that could not be typed or read.
const UNREADABLE: &[char] = &['?', '*', '□', '〓', '■', '○', '×', '\u{fffd}'];

static FOLDED: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let pairs = TRADITIONAL_SIMPLIFIED.lines().filter_map(|line| {
        let mut characters = line.chars();
        Some((characters.next()?, characters.next()?))
    });
    pairs.chain(VARIANTS.iter().copied()).collect()
});

/// The common simplified character that stands for this one.
#[must_use]
pub fn folded_character(character: char) -> char {
    let once = FOLDED.get(&character).copied().unwrap_or(character);
    FOLDED.get(&once).copied().unwrap_or(once)
}

/// One syllable of a name.
#[derive(Clone, PartialEq, Eq)]
pub enum Syllable {
    /// How a character may be read; a run of Latin letters is its own reading.
    Read {
        /// Without tones, the usual reading first.
        readings: Vec<String>,
        /// The same as a southern ear hears them: z/zh, c/ch, s/sh, n/l, f/hu and -n/-ng are not told apart in the dialects of Hunan,
        /// and rosters are written by ear.
        by_ear: Vec<String>,
    },
    /// A sign for a character that nobody could type.
    Unreadable,
}

impl Syllable {
    fn of(readings: Vec<String>) -> Self {
        let by_ear = readings.iter().map(|reading| by_southern_ear(reading)).collect();
        Self::Read { readings, by_ear }
    }

    /// Whether both can be the same sound.
    #[must_use]
    pub fn sounds_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Read { readings: left, .. }, Self::Read { readings: right, .. }) => share_one(left, right),
            _ => true,
        }
    }

    /// Whether both can be the same sound to a southern ear.
    #[must_use]
    pub fn sounds_near(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Read { by_ear: left, .. }, Self::Read { by_ear: right, .. }) => share_one(left, right),
            _ => true,
        }
    }

    fn usual(&self) -> &str {
        match self {
            Self::Read { readings, .. } => readings.first().map_or("", String::as_str),
            Self::Unreadable => "?",
        }
    }
}

fn share_one(left: &[String], right: &[String]) -> bool {
    left.iter().any(|reading| right.contains(reading))
}

fn by_southern_ear(reading: &str) -> String {
    let (initial, rest) = match reading.as_bytes() {
        [b'z', b'h', ..] => ("z", reading.get(2..)),
        [b'c', b'h', ..] => ("c", reading.get(2..)),
        [b's', b'h', ..] => ("s", reading.get(2..)),
        [b'n', ..] => ("l", reading.get(1..)),
        [b'h', b'u', ..] => ("f", reading.get(2..)),
        _ => ("", Some(reading)),
    };
    let rest = rest.unwrap_or_default();
    let rest = if rest.ends_with("ng") { rest.get(..rest.len() - 1).unwrap_or_default() } else { rest };
    format!("{initial}{rest}")
}

/// A name in the forms by which it is compared. No `Debug`: it is a person's.
#[derive(Clone, PartialEq, Eq)]
pub struct NameForms {
    /// Spelling folded as in the register, characters as they are.
    pub written: String,
    /// The characters folded to their common simplified form, dots left out.
    pub folded: Vec<char>,
    /// One per character; one per run of Latin letters.
    pub syllables: Vec<Syllable>,
    /// The usual sound of the whole name, its syllables sorted: homophones and names with their parts swapped share it.
    pub sound: String,
}

impl NameForms {
    /// Reads a name; nothing when no letter and no sign of one is in it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let written = comparison_key(text);
        if !written.chars().any(char::is_alphabetic) {
            return None;
        }
        let folded: Vec<char> = written
            .chars()
            .filter(|character| character.is_alphanumeric() || UNREADABLE.contains(character))
            .map(folded_character)
            .collect();
        let syllables = syllables(&folded);
        let sound = sorted_sound(&syllables);
        Some(Self { written, folded, syllables, sound })
    }

    /// The usual sound of the first syllable.
    #[must_use]
    pub fn surname_sound(&self) -> String {
        self.syllables.first().map_or("", Syllable::usual).to_owned()
    }

    /// Whether every character is the same once folded, in the same order or with the parts of the name swapped.
    #[must_use]
    pub fn same_form(&self, other: &Self) -> bool {
        self.folded == other.folded || self.is_swapped(other)
    }

    /// Whether one is the other with the front moved to the end (given name before surname), nothing else changed.
    fn is_swapped(&self, other: &Self) -> bool {
        self.folded.len() == other.folded.len()
            && self.folded.len() > 1
            && (1..self.folded.len()).any(|at| {
                let (front, back) = self.folded.split_at(at);
                back.iter().chain(front).eq(other.folded.iter())
            })
    }

    /// Whether it sounds the same, syllable for syllable or in swapped order.
    #[must_use]
    pub fn same_sound(&self, other: &Self) -> bool {
        let (left, right) = (&self.syllables, &other.syllables);
        let sounds = |(left, right): (&Syllable, &Syllable)| left.sounds_like(right);
        left.len() == right.len() && (left.iter().zip(right).all(sounds) || self.sound == other.sound)
    }

    /// Whether the surname is the same and the rest nearly: every syllable sounds near, or one character of three or more was changed,
    /// dropped or added.
    #[must_use]
    pub fn is_near(&self, other: &Self) -> bool {
        let (left, right) = (&self.syllables, &other.syllables);
        let near = |(left, right): (&Syllable, &Syllable)| left.sounds_near(right);
        if left.len() == right.len() && left.iter().zip(right).all(near) {
            return true;
        }
        self.same_surname(other)
            && self.folded.len().max(other.folded.len()) > 2
            && strsim::generic_damerau_levenshtein(&self.folded, &other.folded) == 1
    }

    /// Whether the first syllable sounds the same.
    #[must_use]
    pub fn same_surname(&self, other: &Self) -> bool {
        match (self.syllables.first(), other.syllables.first()) {
            (Some(left), Some(right)) => left.sounds_like(right),
            _ => false,
        }
    }
}

fn sorted_sound(syllables: &[Syllable]) -> String {
    let mut usual: Vec<&str> = syllables.iter().map(Syllable::usual).collect();
    usual.sort_unstable();
    usual.join(" ")
}

fn syllables(folded: &[char]) -> Vec<Syllable> {
    let mut syllables = Vec::with_capacity(folded.len());
    let mut latin = String::new();
    for character in folded {
        if character.is_ascii_alphanumeric() {
            latin.push(*character);
            continue;
        }
        flush(&mut latin, &mut syllables);
        syllables.push(syllable(*character));
    }
    flush(&mut latin, &mut syllables);
    syllables
}

fn flush(latin: &mut String, syllables: &mut Vec<Syllable>) {
    if !latin.is_empty() {
        syllables.push(Syllable::of(vec![std::mem::take(latin)]));
    }
}

fn syllable(character: char) -> Syllable {
    if UNREADABLE.contains(&character) {
        return Syllable::Unreadable;
    }
    let Some(usual) = character.to_pinyin() else { return Syllable::of(vec![character.to_string()]) };
    let mut readings = vec![plain(usual.plain())];
    for reading in character.to_pinyin_multi().into_iter().flatten() {
        let reading = plain(reading.plain());
        if !readings.contains(&reading) {
            readings.push(reading);
        }
    }
    Syllable::of(readings)
}

/// Keyboards have v for ü.
fn plain(reading: &str) -> String {
    reading.replace('ü', "v")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(name: &str) -> NameForms {
        NameForms::read(name).unwrap()
    }

    #[test]
    fn the_tables_fold_to_one_form_and_no_further() {
        assert!(TRADITIONAL_SIMPLIFIED.lines().count() > 3_000);
        assert!(TRADITIONAL_SIMPLIFIED.lines().all(|line| line.chars().count() == 2));
        for (variant, common) in VARIANTS {
            assert_ne!(variant, common);
            assert_eq!(folded_character(*variant), folded_character(*common), "{variant}");
        }
        for character in FOLDED.keys() {
            let folded = folded_character(*character);
            assert_eq!(folded_character(folded), folded, "{character}");
        }
        for (written, folded) in [('劉', '刘'), ('陞', '升'), ('喆', '哲'), ('张', '张'), ('a', 'a')] {
            assert_eq!(folded_character(written), folded);
        }
    }

    #[test]
    fn a_character_has_every_reading() {
        let Syllable::Read { readings, .. } = syllable('曾') else { panic!() };
        assert!(readings.contains(&"zeng".to_owned()) && readings.contains(&"ceng".to_owned()), "{readings:?}");
        assert_eq!(forms("吕").sound, "lv");
        assert!(syllable('?') == Syllable::Unreadable);
    }

    #[test]
    fn homophones_and_swapped_parts_share_a_sound() {
        assert_eq!(forms("张伟").sound, forms("伟章").sound);
        assert_eq!(forms("阿里·买买提").sound, forms("买买提·阿里").sound);
        assert_ne!(forms("张伟").sound, forms("张三").sound);
        assert_eq!(forms("张wei").sound, forms("章卫").sound);
    }

    #[test]
    fn a_southern_ear_does_not_tell_some_sounds_apart() {
        for (left, right) in [("zhi", "zi"), ("lan", "nan"), ("ying", "yin"), ("hui", "fi"), ("shang", "san")] {
            assert_eq!(by_southern_ear(left), by_southern_ear(right), "{left} {right}");
        }
        assert_ne!(by_southern_ear("li"), by_southern_ear("yi"));
    }

    #[test]
    fn what_holds_no_letter_is_no_name() {
        for text in ["", "  ", "***", "12", "·"] {
            assert!(NameForms::read(text).is_none(), "{text}");
        }
    }
}
