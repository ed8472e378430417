//! Names for people who do not exist: frequent surnames and given-name characters put together at random, and the slips of the pen by
//! which one register writes another name than the next.
//!
//! Deliberately absent: real rosters. Every name is drawn from the characters below.

use super::random::Random;
use crate::workers::identity_number::Sex;

/// Surnames and how often they are drawn.
const SURNAMES: &[(&str, u32)] = &[
    ("刘", 92),
    ("李", 78),
    ("陈", 72),
    ("王", 66),
    ("周", 60),
    ("张", 58),
    ("黄", 46),
    ("罗", 42),
    ("唐", 40),
    ("曾", 38),
    ("彭", 34),
    ("谢", 34),
    ("吴", 32),
    ("肖", 32),
    ("蒋", 30),
    ("邓", 28),
    ("杨", 28),
    ("何", 26),
    ("龙", 20),
    ("莫", 18),
    ("吕", 18),
    ("姚", 16),
    ("岳", 14),
    ("伍", 12),
    ("贺", 12),
    ("阳", 10),
    ("夏", 10),
    ("禹", 8),
    ("银", 6),
    ("欧阳", 8),
    ("上官", 1),
];
const MALE: &[char] = &[
    '建', '国', '军', '华', '明', '志', '强', '勇', '伟', '斌', '文', '平', '辉', '海', '波', '涛', '林', '峰', '刚',
    '健', '飞', '新', '德', '荣', '贵', '松', '柏', '良', '成', '光', '亮', '云', '喜', '祥', '福', '世', '昌', '和',
];
const FEMALE: &[char] = &[
    '秀', '英', '桂', '兰', '玉', '梅', '丽', '芳', '艳', '红', '霞', '燕', '玲', '娟', '敏', '静', '萍', '春', '花',
    '香', '凤', '莲', '菊', '翠', '金', '银', '满', '月', '娥', '姣', '爱', '冬', '云', '雪', '琴', '慧', '小', '美',
];
/// Characters that older systems cannot write; two lie outside the basic plane.
const RARE: &[char] = &['䶮', '㛃', '堃', '喆', '𬭎', '𫖯'];
/// Names of the kind that carry a middle dot.
const DOTTED: &[&str] = &["阿依古丽·买买提", "艾力·吐尔逊", "古丽娜尔·艾山", "买买提江·阿不都"];
/// Characters that sound or look alike and are written for one another.
const SLIPS: &[(char, char)] = &[
    ('建', '健'),
    ('健', '建'),
    ('国', '囯'),
    ('华', '花'),
    ('花', '华'),
    ('明', '鸣'),
    ('志', '治'),
    ('斌', '彬'),
    ('辉', '晖'),
    ('荣', '蓉'),
    ('丽', '莉'),
    ('芳', '方'),
    ('艳', '燕'),
    ('燕', '艳'),
    ('玲', '林'),
    ('萍', '平'),
    ('平', '萍'),
    ('凤', '风'),
    ('娟', '绢'),
    ('桂', '贵'),
    ('贵', '桂'),
    ('云', '芸'),
];

fn surname(random: &mut Random) -> &'static str {
    let total = SURNAMES.iter().map(|(_, weight)| weight).sum();
    let mut left = random.below(total);
    for (surname, weight) in SURNAMES {
        match left.checked_sub(*weight) {
            Some(rest) => left = rest,
            None => return surname,
        }
    }
    "刘"
}

/// A name: surname and one or two characters; now and then one with a rare character or a middle dot.
pub fn name(random: &mut Random, sex: Sex) -> String {
    if random.in_share(1, 400) {
        return random.pick(DOTTED).to_owned();
    }
    let given = if sex == Sex::Male { MALE } else { FEMALE };
    let mut name = surname(random).to_owned();
    if random.in_share(4, 5) {
        name.push(random.pick(given));
    }
    name.push(if random.in_share(1, 300) { random.pick(RARE) } else { random.pick(given) });
    name
}

/// The name as another clerk wrote it: one character swapped for one that sounds or looks alike. Never the same name.
#[must_use]
pub fn written_otherwise(name: &str) -> String {
    let slip = |character: char| SLIPS.iter().find(|(right, _)| *right == character).map(|(_, wrong)| *wrong);
    let place = name.chars().skip(1).position(|character| slip(character).is_some());
    match place {
        Some(place) => name
            .chars()
            .enumerate()
            .map(|(at, character)| if at == place + 1 { slip(character).unwrap_or(character) } else { character })
            .collect(),
        None => format!("{name}儿"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::person_name::{PersonName, same_name};

    #[test]
    fn every_name_can_be_registered_as_it_is() {
        let mut random = Random::new(1);
        for round in 0..5_000 {
            let name = name(&mut random, if round % 2 == 0 { Sex::Male } else { Sex::Female });
            assert_eq!(PersonName::parse(&name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_slip_of_the_pen_makes_another_name_for_anybody() {
        let mut random = Random::new(2);
        for _ in 0..5_000 {
            let name = name(&mut random, Sex::Female);
            let other = written_otherwise(&name);
            assert!(!same_name(&name, &other), "{name} and {other}");
            assert!(PersonName::parse(&other).is_ok());
        }
        assert_eq!(written_otherwise("张丽"), "张莉");
    }

    #[test]
    fn rare_characters_and_middle_dots_occur() {
        let mut random = Random::new(3);
        let names: Vec<String> = (0..5_000).map(|_| name(&mut random, Sex::Male)).collect();
        assert!(names.iter().any(|name| name.contains('·')));
        assert!(names.iter().any(|name| name.chars().any(|character| RARE.contains(&character))));
    }
}
