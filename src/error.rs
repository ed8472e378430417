//! What can go wrong, free of HTTP: a stable code, the place, and the remedy, in Chinese and English.
//!
//! [`Code`] is the one table of problems; the API document, the problem pages and the tests are made from it.
//! Public text never holds personal data; the cause of an internal error is logged and never sent.

mod code;

use serde_json::{Map, Value};

pub use code::{Code, Definition, Kind};

/// Result of everything that can fail with a problem.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Most field faults one answer carries.
pub const FAULTS_MAX: usize = 100;

/// Stands between the languages of a joined text: the unit separator, which no text of ours holds.
const BETWEEN: char = '\u{1f}';

/// A text in both languages of the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// English.
    pub en: String,
    /// Chinese (zh-CN).
    pub zh: String,
}

impl Text {
    /// A text in both languages.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }

    /// Both languages in one string, to pass through a library that carries one; [`Self::split`] takes them apart.
    #[must_use]
    pub fn joined(&self) -> String {
        format!("{}{BETWEEN}{}", self.en, self.zh)
    }

    /// Both languages of a [`Self::joined`] text; none of any other.
    #[must_use]
    pub fn split(joined: &str) -> Option<Self> {
        joined.split_once(BETWEEN).map(|(en, zh)| Self::new(en, zh))
    }

    /// The text in the language of the reader.
    #[must_use]
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Chinese => &self.zh,
        }
    }
}

/// The languages answers are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// `en`, also for every language that is not offered.
    #[default]
    English,
    /// `zh-CN`.
    Chinese,
}

/// Where a fault lies in the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the body.
    Body {
        /// JSON pointer as a URI fragment.
        pointer: String,
    },
    /// In the query, the path or a header.
    Parameter {
        /// `query`, `path` or `header`.
        within: &'static str,
        /// Name of the parameter.
        name: String,
    },
}

/// One fault of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it lies.
    pub place: Place,
    /// Stable code of the fault.
    pub code: &'static str,
    /// What is wrong and what to do; never the value when it is personal.
    pub detail: Text,
    /// Figures the text speaks of, for programs.
    pub params: Map<String, Value>,
}

impl Fault {
    /// A fault in the body at `pointer` (`/roster/3/worker_id`).
    pub fn body(pointer: impl AsRef<str>, code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        let pointer = format!("#{}", pointer.as_ref());
        Self { place: Place::Body { pointer }, code, detail: Text::new(en, zh), params: Map::new() }
    }

    /// A fault in a query parameter.
    pub fn query(name: &str, code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::parameter("query", name, code, en, zh)
    }

    /// A fault in a header.
    pub fn header(name: &str, code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::parameter("header", name, code, en, zh)
    }

    /// A fault in a path parameter.
    pub fn path(name: &str, code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::parameter("path", name, code, en, zh)
    }

    fn parameter(
        within: &'static str,
        name: &str,
        code: &'static str,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> Self {
        Self {
            place: Place::Parameter { within, name: name.to_owned() },
            code,
            detail: Text::new(en, zh),
            params: Map::new(),
        }
    }

    /// Adds a figure for programs.
    #[must_use]
    pub fn param(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }
}

/// Collects the faults of a request, so that all are told at once.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Nothing wrong yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Adds a fault in the body unless `condition` holds.
    pub fn require(&mut self, condition: bool, pointer: &str, code: &'static str, en: &str, zh: &str) {
        if !condition {
            self.push(Fault::body(pointer, code, en, zh));
        }
    }

    /// Adds a fault if there is one.
    pub fn add(&mut self, fault: Option<Fault>) {
        self.0.extend(fault);
    }

    /// A text field: trimmed length in characters from 1 to `max`, no control characters.
    pub fn text(&mut self, pointer: &str, value: &str, max: usize) {
        let length = value.chars().count();
        if value.trim().is_empty() || length > max {
            self.push(
                Fault::body(
                    pointer,
                    "length",
                    format!("must have 1 to {max} characters"),
                    format!("须为 1 至 {max} 个字符"),
                )
                .param("max", max)
                .param("length", length),
            );
        }
        if value.chars().any(char::is_control) {
            self.push(Fault::body(
                pointer,
                "control_character",
                "must not contain control characters",
                "不得包含控制字符",
            ));
        }
    }

    /// A text field that may be absent.
    pub fn optional_text(&mut self, pointer: &str, value: Option<&str>, max: usize) {
        if let Some(value) = value {
            self.text(pointer, value, max);
        }
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults found.
    #[must_use]
    pub fn into_inner(self) -> Vec<Fault> {
        self.0
    }

    /// Fine, or one error with every fault.
    ///
    /// # Errors
    /// [`Code::FieldInvalid`] with the faults.
    pub fn check(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::new(Code::FieldInvalid).faults(self.0)) }
    }
}

/// A problem: its code, and what the reader needs to mend it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}{}", .code.as_str(), .cause.as_deref().map(|cause| format!(": {cause}")).unwrap_or_default())]
pub struct Error {
    /// Which problem.
    pub code: Code,
    /// What it is about in this case, when the title does not say enough.
    pub detail: Option<Box<Text>>,
    /// The fields at fault.
    pub faults: Vec<Fault>,
    /// Facts for programs, such as the legal moves or the ETag that is current.
    pub params: Map<String, Value>,
    /// The internal cause, for the log only.
    pub cause: Option<String>,
}

impl Error {
    /// Whether one of its faults has this code.
    #[must_use]
    pub fn is_about(&self, fault: &str) -> bool {
        self.faults.iter().any(|known| known.code == fault)
    }

    /// A problem without further words.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self { code, detail: None, faults: Vec::new(), params: Map::new(), cause: None }
    }

    /// Says what it is about in this case.
    #[must_use]
    pub fn detail(mut self, en: impl Into<String>, zh: impl Into<String>) -> Self {
        self.detail = Some(Box::new(Text::new(en, zh)));
        self
    }

    /// Adds a field at fault.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Sets the fields at fault.
    #[must_use]
    pub fn faults(mut self, faults: Vec<Fault>) -> Self {
        self.faults = faults;
        self
    }

    /// Adds a fact for programs.
    #[must_use]
    pub fn param(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// A bug or a broken machine; `cause` goes to the log only.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self { cause: Some(cause.to_string()), ..Self::new(Code::InternalError) }
    }

    /// The database cannot be reached or refused to commit.
    pub fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self { cause: Some(cause.to_string()), ..Self::new(Code::DatabaseUnavailable) }
    }

    /// Nothing there, or nothing this caller may know of.
    #[must_use]
    pub fn not_found(what_en: &str, what_zh: &str) -> Self {
        Self::new(Code::NotFound).detail(
            format!("there is no such {what_en}, or it is not yours to see"),
            format!("没有这个{what_zh}，或您无权查看"),
        )
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind, Error as DieselError};
        match &error {
            DieselError::NotFound => Self::new(Code::NotFound),
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => {
                Self { cause: Some(error.to_string()), ..Self::new(Code::DatabaseBusy) }
            }
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, _) => Self::unavailable(error),
            DieselError::DatabaseError(_, information) if is_contention(information.message()) => {
                Self { cause: Some(error.to_string()), ..Self::new(Code::DatabaseBusy) }
            }
            _ => match crate::db::constraint::violated(&error).and_then(|name| Code::of_constraint(&name)) {
                Some(code) => Self { cause: Some(error.to_string()), ..Self::new(code) },
                None => Self::internal(error),
            },
        }
    }
}

/// What PostgreSQL (in the languages its messages are set to where this runs) and SQLite say when somebody else is in the way.
/// Diesel hands on the words but not the code behind them.
fn is_contention(message: &str) -> bool {
    const WORDS: [&str; 7] = [
        "deadlock detected",
        "检测到死锁",
        "due to lock timeout",
        "由于锁超时",
        "due to statement timeout",
        "由于语句执行超时",
        "database is locked",
    ];
    WORDS.iter().any(|words| message.contains(words))
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}
