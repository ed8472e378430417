//! A statement as one file (N14): the signed bytes, every row behind them, the ratified terms, the signatures and the keys. Whoever has
//! it can check it with `labour-exchange verify-statement`, or with a few lines of any language, without asking the exchange.

use std::io::{Cursor, Read, Write};

use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::figures::RowContent;
use super::store::editions::{self, Edition};
use super::{MonthlyStatement, Signature, store};
use crate::agreements::store::versions;
use crate::db::{DbConnection, Id, Instant};
use crate::error::{Error, Result};

/// Most bytes of one file of a package, unpacked.
const FILE_BYTES_MAX: u64 = 1 << 30;
const STATEMENT: &str = "statement.json";
const ROWS: &str = "rows.ndjson";
const SIGNATURES: &str = "signatures.json";
const TERMS: &str = "terms/version-";
const README: &str = "README.txt";

const HOW_TO_CHECK: &str = "月度对账单核验包 / Monthly statement, with everything needed to check it

核验 / Check:  labour-exchange verify-statement FILE.zip

statement.json    双方签署的原始字节（RFC 8785），其 SHA-256 即签署的摘要
                  the exact bytes both sides sign (RFC 8785); their SHA-256 is what is signed
rows.ndjson       每行一条规范 JSON；叶 = SHA-256(0x00 行)，根按 RFC 6962 计算，等于 statement.json 的 rows_root
                  one canonical row a line; leaf = SHA-256(0x00 line), the root by RFC 6962 is rows_root of statement.json
signatures.json   各方对 statement.json 原始字节的分离式 JWS（RFC 7515 附录 F）及其公钥
                  each party's detached JWS (RFC 7515, appendix F) over the bytes of statement.json, with its public key
terms/            计算所依据的各版条款原文，其 SHA-256 见 statement.json 的 terms
                  the ratified terms it was computed by; their SHA-256 stand in terms of statement.json
";

/// A signature as a package carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedSignature {
    /// The party.
    pub party_id: Id,
    /// The key's id.
    pub key_id: String,
    /// The public key, a JWK as text.
    pub public_key: String,
    /// Detached JWS over the statement's bytes.
    pub signature: String,
    /// When the exchange took it.
    pub signed_at: Instant,
}

/// A package, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The signed bytes.
    pub statement: String,
    /// The rows, each as its exact bytes.
    pub rows: Vec<String>,
    /// The signatures.
    pub signatures: Vec<PackedSignature>,
    /// The ratified terms, each as its exact bytes, by number of the version.
    pub terms: Vec<(i64, String)>,
}

impl Package {
    /// Gathers an edition.
    ///
    /// # Errors
    /// What the database says.
    pub fn gather(connection: &mut DbConnection, row: &MonthlyStatement, edition: &Edition) -> Result<Self> {
        let terms = edition.read()?.terms.into_iter().map(|held| {
            let version = versions::version(connection, row.agreement_id, held.version)?;
            Ok((held.version, version.document))
        });
        let terms = terms.collect::<Result<_>>()?;
        let packed = |given: Signature| PackedSignature {
            party_id: given.party_id,
            key_id: given.key_id,
            public_key: given.public_key,
            signature: given.signature,
            signed_at: given.signed_at,
        };
        Ok(Self {
            statement: edition.document.clone(),
            rows: editions::contents(connection, edition)?,
            signatures: store::signatures(connection, row, edition.edition)?.into_iter().map(packed).collect(),
            terms,
        })
    }

    /// Writes the zip; the same package gives the same bytes.
    ///
    /// # Errors
    /// An internal error when it cannot be written.
    pub fn write(&self) -> Result<Vec<u8>> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let mut rows = self.rows.join("\n");
        if !rows.is_empty() {
            rows.push('\n');
        }
        let signatures = serde_json::to_string_pretty(&self.signatures)?;
        let mut files = vec![
            (README.to_owned(), HOW_TO_CHECK),
            (STATEMENT.to_owned(), self.statement.as_str()),
            (ROWS.to_owned(), rows.as_str()),
            (SIGNATURES.to_owned(), signatures.as_str()),
        ];
        files.extend(self.terms.iter().map(|(number, text)| (format!("{TERMS}{number}.json"), text.as_str())));
        for (name, text) in files {
            zip.start_file(name, SimpleFileOptions::default()).map_err(Error::internal)?;
            zip.write_all(text.as_bytes()).map_err(Error::internal)?;
        }
        Ok(zip.finish().map_err(Error::internal)?.into_inner())
    }

    /// Reads a zip.
    ///
    /// # Errors
    /// What is wrong with the file, in words for whoever was handed it.
    pub fn read(bytes: &[u8]) -> std::result::Result<Self, String> {
        let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| format!("not a zip file: {error}"))?;
        let names: Vec<String> = zip.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
        let mut text = |name: &str| -> std::result::Result<String, String> {
            let file = zip.by_name(name).map_err(|_| format!("{name} is missing from the package"))?;
            let mut text = String::new();
            let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
            read.map_err(|error| format!("{name} cannot be read: {error}"))?;
            Ok(text)
        };
        let signatures = serde_json::from_str(&text(SIGNATURES)?)
            .map_err(|error| format!("{SIGNATURES} is not what a package holds: {error}"))?;
        let mut terms = Vec::new();
        for name in &names {
            let number = name.strip_prefix(TERMS).and_then(|rest| rest.strip_suffix(".json"));
            if let Some(number) = number.and_then(|number| number.parse().ok()) {
                terms.push((number, text(name)?));
            }
        }
        terms.sort_unstable_by_key(|(number, _)| *number);
        Ok(Self {
            statement: text(STATEMENT)?,
            rows: text(ROWS)?.lines().map(ToOwned::to_owned).collect(),
            signatures,
            terms,
        })
    }

    /// The rows, read.
    ///
    /// # Errors
    /// The number of the first row, from 1, that is none.
    pub fn contents(&self) -> std::result::Result<Vec<RowContent>, usize> {
        let read = |(place, text): (usize, &String)| serde_json::from_str(text).map_err(|_| place + 1);
        self.rows.iter().enumerate().map(read).collect()
    }
}
