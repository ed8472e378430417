//! Checking a package with nothing but itself: rows, root, figures, terms, signatures.
//!
//! What a package cannot prove by itself is whose keys they are: their thumbprints are told, to be compared with those both sides know.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::document::{Document, canonical};
use super::figures::Figures;
use super::merkle;
use super::package::{Package, PackedSignature};
use crate::agreements::PartyRole;
use crate::db::Id;
use crate::identity::client_assertion::verify_detached;
use crate::identity::jwks::{RegisteredKey, RegisteredKeyState};

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What holds, one line each.
    pub sound: Vec<String>,
    /// What does not, one line each; a statement without any is what it says.
    pub faults: Vec<String>,
}

impl Verdict {
    fn require(&mut self, holds: bool, sound: impl FnOnce() -> String, fault: impl FnOnce() -> String) {
        if holds {
            self.sound.push(sound());
        } else {
            self.faults.push(fault());
        }
    }
}

#[derive(Deserialize)]
struct Sides {
    parties: Vec<Side>,
}

#[derive(Deserialize)]
struct Side {
    party_id: Id,
    name: String,
    role: PartyRole,
}

/// Checks a package; `trusted` are the thumbprints of keys that are known otherwise, when there are any.
#[must_use]
pub fn verify(package: &Package, trusted: &BTreeSet<String>) -> Verdict {
    let mut verdict = Verdict::default();
    let document: Document = match serde_json::from_str(&package.statement) {
        Ok(document) => document,
        Err(error) => {
            verdict.faults.push(format!("statement.json is no statement / 不是对账单: {error}"));
            return verdict;
        }
    };
    let digest = hex::encode(Sha256::digest(package.statement.as_bytes()));
    verdict.require(
        canonical(&document).is_ok_and(|text| text == package.statement),
        || format!("statement {} edition {}, digest {digest} / 对账单及其摘要", document.month, document.edition),
        || "statement.json is not in canonical form / 不是规范格式".to_owned(),
    );
    check_rows(&mut verdict, package, &document);
    check_terms(&mut verdict, package, &document);
    check_signatures(&mut verdict, package, trusted);
    verdict
}

fn check_rows(verdict: &mut Verdict, package: &Package, document: &Document) {
    let root = hex::encode(merkle::root(package.rows.iter().map(|row| merkle::leaf(row.as_bytes()))));
    let counted = i64::try_from(package.rows.len()).is_ok_and(|count| count == document.row_count);
    verdict.require(
        counted && root == document.rows_root,
        || format!("{} rows give the root {root} / 明细行与根一致", package.rows.len()),
        || {
            format!(
                "{} rows give the root {root}, the statement says {} rows and {} / 明细行与对账单不符",
                package.rows.len(),
                document.row_count,
                document.rows_root
            )
        },
    );
    let rows = match package.contents() {
        Ok(rows) => rows,
        Err(place) => {
            verdict.faults.push(format!("row {place} is none of a statement / 第 {place} 行无法读取"));
            return;
        }
    };
    let mut figures = Figures::default();
    for row in &rows {
        figures.add(row, document.month);
    }
    let figures = figures.finish();
    let differing = figures.iter().filter(|figure| !document.figures.contains(figure)).count()
        + document.figures.iter().filter(|figure| !figures.contains(figure)).count();
    verdict.require(
        differing == 0,
        || format!("{} figures counted from the rows agree / 各项数字与明细重算一致", figures.len()),
        || format!("{differing} figures do not come out when the rows are counted / 有 {differing} 项数字与明细不符"),
    );
}

fn check_terms(verdict: &mut Verdict, package: &Package, document: &Document) {
    for held in &document.terms {
        let text = package.terms.iter().find(|(number, _)| *number == held.version).map(|(_, text)| text);
        let digest = text.map(|text| hex::encode(Sha256::digest(text.as_bytes())));
        verdict.require(
            digest.as_ref() == Some(&held.digest),
            || format!("terms version {} are those ratified / 第 {} 版条款与批准文本一致", held.version, held.version),
            || {
                format!(
                    "terms version {} are missing or changed / 第 {} 版条款缺失或被改动",
                    held.version, held.version
                )
            },
        );
    }
}

fn check_signatures(verdict: &mut Verdict, package: &Package, trusted: &BTreeSet<String>) {
    for given in &package.signatures {
        match thumbprint_of(given, package) {
            Some(thumbprint) if trusted.is_empty() || trusted.contains(&thumbprint) => {
                verdict.sound.push(format!("signed by {} with the key {thumbprint} / 签名有效", given.party_id));
            }
            Some(thumbprint) => verdict.faults.push(format!(
                "party {} signed with the key {thumbprint}, which is not among those you trust / 签名密钥不在受信列表中",
                given.party_id
            )),
            None => verdict.faults.push(format!("the signature of {} does not fit / 签名无效", given.party_id)),
        }
    }
    let Some((_, terms)) = package.terms.last() else {
        verdict.faults.push("no terms: nobody can tell who must sign / 缺少条款，无法确定签署方".to_owned());
        return;
    };
    let Ok(sides) = serde_json::from_str::<Sides>(terms) else {
        verdict.faults.push("the terms name no parties / 条款中没有签署方".to_owned());
        return;
    };
    for side in sides.parties.into_iter().filter(|side| side.role != PartyRole::Station) {
        let signed = package.signatures.iter().any(|given| given.party_id == side.party_id);
        verdict.require(
            signed,
            || format!("{} has signed / 已签署", side.name),
            || format!("{} has not signed / 尚未签署", side.name),
        );
    }
}

/// The thumbprint of the key that made a signature; none when the signature does not fit.
fn thumbprint_of(given: &PackedSignature, package: &Package) -> Option<String> {
    let jwk: Value = serde_json::from_str(&given.public_key).ok()?;
    let key = RegisteredKey::from_jwk(&jwk, RegisteredKeyState::Active).ok()?;
    verify_detached(&key, package.statement.as_bytes(), &given.signature).ok()?;
    Some(key.jwk.thumbprint())
}
