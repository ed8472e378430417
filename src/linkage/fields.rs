//! What two lists are compared by: a field is a name, a comparator and whether it can support a link, as data.
//!
//! The matcher knows nothing else of its rows. A list of fields for Chinese rosters is in [`roster`](super::roster); any other
//! list is a few lines more.

use std::borrow::Cow;

use super::comparison::Comparator;

/// Most fields of a list; a row of levels then fits into one machine word.
pub const FIELDS_MAX: usize = 16;

/// One field of both lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    name: String,
    label_zh: String,
    label_en: String,
    comparator: Comparator,
    corroborates: bool,
}

impl Field {
    /// A field under a name, which is also its label until [`Field::labelled`] gives another.
    ///
    /// Names and sex never support a link alone (domain.md 6.1: never match on name alone); every other comparator does.
    #[must_use]
    pub fn new(name: &str, comparator: Comparator) -> Self {
        Self {
            name: name.to_owned(),
            label_zh: name.to_owned(),
            label_en: name.to_owned(),
            comparator,
            corroborates: !matches!(comparator, Comparator::Name | Comparator::ChineseName | Comparator::Sex),
        }
    }

    /// What the field is called in explanations.
    #[must_use]
    pub fn labelled(mut self, zh: &str, en: &str) -> Self {
        zh.clone_into(&mut self.label_zh);
        en.clone_into(&mut self.label_en);
        self
    }

    /// Counts, but cannot support a link: at least one other field has to agree besides.
    #[must_use]
    pub const fn not_corroborating(mut self) -> Self {
        self.corroborates = false;
        self
    }

    /// The name by which a program knows it, such as the column of a file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The label in Chinese.
    #[must_use]
    pub fn label_zh(&self) -> &str {
        &self.label_zh
    }

    /// The label in English.
    #[must_use]
    pub fn label_en(&self) -> &str {
        &self.label_en
    }

    /// How its values are compared.
    #[must_use]
    pub const fn comparator(&self) -> Comparator {
        self.comparator
    }

    /// Whether its agreement may support a link.
    #[must_use]
    pub const fn corroborates(&self) -> bool {
        self.corroborates
    }
}

/// One row of a list: a key that is unique in the list, and a value per field in the order of the fields.
#[derive(Clone, PartialEq, Eq)]
pub struct Record<'a, K> {
    /// What the caller knows the row by. Rows are ordered by it, so that the order of the list means nothing.
    pub key: K,
    /// The cells as they were written; `None` and an unreadable cell count as missing.
    pub values: Vec<Option<Cow<'a, str>>>,
}

impl<'a, K> Record<'a, K> {
    /// A row from borrowed cells; an empty cell is a missing one.
    #[must_use]
    pub fn new<T: AsRef<str> + ?Sized + 'a>(key: K, cells: impl IntoIterator<Item = &'a T>) -> Self {
        let values =
            cells.into_iter().map(|cell| Some(cell.as_ref()).filter(|text| !text.is_empty()).map(Cow::Borrowed));
        Self { key, values: values.collect() }
    }
}

/// One of the two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The list whose rows look for a partner.
    Left,
    /// The list in which they look.
    Right,
}
