//! Columns of text: values with a text form, and enums stored and sent as snake_case text.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};

/// The schema of an enum: its texts, each with what it means.
#[must_use]
pub fn enum_schema(about: &str, values: &[(&str, &str)]) -> RefOr<Schema> {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let meanings: Vec<String> =
        values.iter().map(|(text, meaning)| format!("- `{text}`: {}", one_line(meaning))).collect();
    let meanings = meanings.join("\n");
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(format!("{}\n\n{meanings}", one_line(about))))
        .enum_values(Some(values.iter().map(|(text, _)| *text)))
        .into()
}

/// Storage as text for a value with `Display` (writing; reading is the value's own parser).
#[macro_export]
macro_rules! text_column {
    ($name:ident) => {
        impl diesel::serialize::ToSql<diesel::sql_types::Text, diesel::pg::Pg> for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, diesel::pg::Pg>,
            ) -> diesel::serialize::Result {
                std::io::Write::write_all(out, self.to_string().as_bytes())?;
                Ok(diesel::serialize::IsNull::No)
            }
        }

        impl diesel::serialize::ToSql<diesel::sql_types::Text, diesel::sqlite::Sqlite> for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, diesel::sqlite::Sqlite>,
            ) -> diesel::serialize::Result {
                out.set_value(self.to_string());
                Ok(diesel::serialize::IsNull::No)
            }
        }

        impl diesel::serialize::ToSql<diesel::sql_types::Text, $crate::db::connection::MultiBackend> for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, $crate::db::connection::MultiBackend>,
            ) -> diesel::serialize::Result {
                out.set_value((diesel::sql_types::Text, self));
                Ok(diesel::serialize::IsNull::No)
            }
        }

        impl $crate::db::row_set::Cell for $name {
            const KIND: $crate::db::row_set::Kind = $crate::db::row_set::Kind::Text;
            fn gather(values: impl Iterator<Item = Self>) -> $crate::db::row_set::Cells {
                $crate::db::row_set::Cells::texts(values.map(Some))
            }
        }

        impl $crate::db::row_set::Cell for Option<$name> {
            const KIND: $crate::db::row_set::Kind = $crate::db::row_set::Kind::Text;
            fn gather(values: impl Iterator<Item = Self>) -> $crate::db::row_set::Cells {
                $crate::db::row_set::Cells::texts(values)
            }
        }

        impl From<$name> for $crate::db::statement::Scalar {
            fn from(value: $name) -> Self {
                Self::Text(Some(value.to_string()))
            }
        }

        impl From<Option<$name>> for $crate::db::statement::Scalar {
            fn from(value: Option<$name>) -> Self {
                Self::Text(value.map(|value| value.to_string()))
            }
        }
    };
}

/// A code and what people call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CodeLabel {
    /// The code, as it is stored and sent.
    #[schema(max_length = 100, example = "no_show")]
    pub code: &'static str,
    /// What it is called in English.
    #[schema(max_length = 200, example = "no show")]
    pub label_en: String,
    /// What it is called in Chinese.
    #[schema(max_length = 200, example = "未到")]
    pub label_zh: &'static str,
}

impl CodeLabel {
    /// A code with its labels.
    #[must_use]
    pub fn new(code: &'static str, label_en: &str, label_zh: &'static str) -> Self {
        Self { code, label_en: label_en.replace('_', " "), label_zh }
    }
}

/// An enum stored and sent as text: `text_enum! { /// doc pub enum State { /// doc Draft => "draft" / "草案", … } }`. The Chinese label
/// follows the text; an English one follows that where the text itself does not say enough.
///
/// Gives `as_str`, `ALL`, labels, serde, schema and one storage implementation for every back end.
#[macro_export]
macro_rules! text_enum {
    (@english $text:literal) => { $text };
    (@english $text:literal $en:literal) => { $en };
    ($(#[doc = $about:literal])* pub enum $name:ident { $($(#[doc = $doc:literal])* $variant:ident => $text:literal / $zh:literal $(/ $en:literal)?),+ $(,)? }) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
        #[diesel(sql_type = diesel::sql_types::Text)]
        pub enum $name { $($(#[doc = $doc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text that is stored and sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// What it is called in English.
            #[must_use]
            pub const fn label_en(self) -> &'static str {
                match self { $(Self::$variant => $crate::text_enum!(@english $text $($en)?)),+ }
            }

            /// What it is called in Chinese.
            #[must_use]
            pub const fn label_zh(self) -> &'static str {
                match self { $(Self::$variant => $zh),+ }
            }

            /// Every value with its labels.
            #[must_use]
            pub fn labels() -> Vec<$crate::db::text_columns::CodeLabel> {
                let label = |value: &Self| $crate::db::text_columns::CodeLabel::new(value.as_str(), value.label_en(), value.label_zh());
                Self::ALL.iter().map(label).collect()
            }

            /// The value of a text, if it is one.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }

        impl $crate::db::row_set::Cell for $name {
            const KIND: $crate::db::row_set::Kind = $crate::db::row_set::Kind::Text;
            fn gather(values: impl Iterator<Item = Self>) -> $crate::db::row_set::Cells {
                $crate::db::row_set::Cells::known(values.map(|value| Some(value.as_str())))
            }
        }

        impl $crate::db::row_set::Cell for Option<$name> {
            const KIND: $crate::db::row_set::Kind = $crate::db::row_set::Kind::Text;
            fn gather(values: impl Iterator<Item = Self>) -> $crate::db::row_set::Cells {
                $crate::db::row_set::Cells::known(values.map(|value| value.map($name::as_str)))
            }
        }

        // By hand: the derive does not see names that come out of a macro, and would promise the names of the variants.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::db::text_columns::enum_schema(concat!($($about, "\n"),*), &[$(($text, concat!($($doc, "\n"),*))),+])
            }
        }

        impl utoipa::ToSchema for $name {}

        impl<DB> diesel::serialize::ToSql<diesel::sql_types::Text, DB> for $name
        where DB: diesel::backend::Backend, str: diesel::serialize::ToSql<diesel::sql_types::Text, DB> {
            fn to_sql<'b>(&'b self, out: &mut diesel::serialize::Output<'b, '_, DB>) -> diesel::serialize::Result {
                <str as diesel::serialize::ToSql<diesel::sql_types::Text, DB>>::to_sql(self.as_str(), out)
            }
        }

        impl<DB> diesel::deserialize::FromSql<diesel::sql_types::Text, DB> for $name
        where DB: diesel::backend::Backend, String: diesel::deserialize::FromSql<diesel::sql_types::Text, DB> {
            fn from_sql(value: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                let text = <String as diesel::deserialize::FromSql<diesel::sql_types::Text, DB>>::from_sql(value)?;
                Self::from_text(&text).ok_or_else(|| format!("{text} is no {}", stringify!($name)).into())
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    crate::text_enum! {
        /// How a door is.
        pub enum Door {
            /// One can go through.
            Open => "open" / "开着",
            /// One
            /// cannot.
            ShutTight => "shut_tight" / "关紧" / "shut",
        }
    }

    #[test]
    fn the_document_names_what_is_sent() {
        let schema = serde_json::to_value(Door::schema()).unwrap();
        assert_eq!(schema["enum"], serde_json::json!(["open", "shut_tight"]));
        assert_eq!(
            schema["description"],
            "How a door is.\n\n- `open`: One can go through.\n- `shut_tight`: One cannot."
        );
        assert_eq!(serde_json::to_value(Door::ShutTight).unwrap(), "shut_tight");
        assert_eq!(Door::labels()[0], super::CodeLabel::new("open", "open", "开着"));
        assert_eq!((Door::ShutTight.label_en(), Door::ShutTight.label_zh()), ("shut", "关紧"));
        assert_eq!((Door::from_text("open"), Door::from_text("Open"), Door::ALL.len()), (Some(Door::Open), None, 2));
    }
}
