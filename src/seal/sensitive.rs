//! A value that must not be shown: a name, an identity number, a phone number, a token.
//!
//! `Sensitive<T>` can be carried, compared and read from a request, but it prints as `Sensitive(***)`. It has
//! neither `Display` nor `Serialize`, so that writing it into a log line, an error or a response does not compile
//! (decision D18). The one way in is [`Sensitive::expose`], which is easy to find in a review. Masked views
//! (`张*`, `110***********1234`) belong to the concepts that own the value, not here.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use zeroize::Zeroize;

/// A value that is wiped from memory when dropped and is never printed or serialised.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Sensitive<T: Zeroize>(T);

impl<T: Zeroize> Sensitive<T> {
    /// Wraps a value.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every call is a place where personal data or a credential is used on purpose.
    #[must_use]
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + Default> Sensitive<T> {
    /// Takes the value out; from here on the caller answers for it.
    #[must_use]
    pub fn into_exposed(mut self) -> T {
        std::mem::take(&mut self.0)
    }
}

impl<T: Zeroize> Drop for Sensitive<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Zeroize> fmt::Debug for Sensitive<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sensitive(***)")
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Sensitive<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The reader's own message would quote the value ("invalid type: integer `1101...`"), and that message is
        // shown in problem details. That there is no value quotes nothing.
        T::deserialize(deserializer).map(Self).map_err(|error| match error.to_string() {
            told if told.starts_with("missing field ") => error,
            _ => de::Error::custom("the value is not of the expected type"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Enrolment {
        id_number: Sensitive<String>,
        day: Option<u8>,
    }

    #[test]
    fn a_sensitive_value_never_appears_in_debug_output() {
        let body: Enrolment = serde_json::from_str(r#"{"id_number":"996001199001011234","day":3}"#).unwrap();
        assert_eq!(body.id_number.expose(), "996001199001011234");
        assert_eq!(body.day, Some(3));
        let printed = format!("{body:?}");
        assert!(printed.contains("Sensitive(***)"), "{printed}");
        assert!(!printed.contains("9960"), "{printed}");
    }

    #[test]
    fn a_wrong_type_in_a_request_does_not_quote_the_value_back() {
        for body in [r#"{"id_number":996001199001011234}"#, r#"{"id_number":["996001199001011234"]}"#] {
            let message = serde_json::from_str::<Enrolment>(body).unwrap_err().to_string();
            assert!(!message.contains("9960"), "{message}");
        }
    }

    #[test]
    fn a_value_taken_out_is_the_value_put_in() {
        let name = Sensitive::from(String::from("张三"));
        assert_eq!(name.clone(), name);
        assert_eq!(name.into_exposed(), "张三");
    }
}
