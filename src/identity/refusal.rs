//! Why a token, a client assertion or a signature is refused. The log learns the exact reason; what a caller may learn is one word per
//! endpoint, and stands there.

use thiserror::Error;

use super::jws::LONGEST_TOKEN;

/// Why a token, an assertion or a signature was refused: for the log, never for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Longer than [`LONGEST_TOKEN`].
    #[error("longer than {LONGEST_TOKEN} bytes")]
    TooLong,
    /// Not three base64url parts.
    #[error("not a compact signature of three parts")]
    Malformed,
    /// The header is not the JSON of a signature header.
    #[error("the header is not a signature header")]
    HeaderMalformed,
    /// An algorithm outside the list, or one that does not fit the key.
    #[error("the algorithm is not allowed, or does not fit the key")]
    AlgorithmRefused,
    /// The header brings or points to a key of its own.
    #[error("the header brings a key or an address of one")]
    HeaderKeyRefused,
    /// The header demands an extension.
    #[error("the header demands an extension")]
    CriticalHeaderRefused,
    /// Another kind of token.
    #[error("another type of token")]
    WrongType,
    /// No key of that id.
    #[error("no usable key of that id")]
    KeyUnknown,
    /// The signature does not match.
    #[error("the signature does not match")]
    SignatureInvalid,
    /// The claims are not the expected JSON.
    #[error("the claims are malformed")]
    ClaimsMalformed,
    /// A required claim is absent.
    #[error("the claim {0} is missing")]
    ClaimMissing(&'static str),
    /// Issued by somebody else.
    #[error("another issuer")]
    IssuerMismatch,
    /// Meant for somebody else.
    #[error("another audience, or a list of audiences")]
    AudienceMismatch,
    /// Subject and client are not the same.
    #[error("the subject is not the client")]
    SubjectMismatch,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// Its time has not come.
    #[error("not valid yet")]
    NotYetValid,
    /// Issued in the future.
    #[error("issued in the future")]
    IssuedInFuture,
    /// Lives longer than allowed.
    #[error("lives longer than allowed")]
    LifetimeTooLong,
    /// The token id is empty, too long or not plain text.
    #[error("the token id is not usable")]
    TokenIdInvalid,
    /// The scope is not a list of scope names.
    #[error("the scope is malformed")]
    ScopeInvalid,
    /// Withdrawn before its time.
    #[error("revoked")]
    Revoked,
}

impl Refusal {
    /// The stable reason for the log.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::HeaderMalformed => "header_malformed",
            Self::AlgorithmRefused => "algorithm_refused",
            Self::HeaderKeyRefused => "header_key_refused",
            Self::CriticalHeaderRefused => "critical_header_refused",
            Self::WrongType => "wrong_type",
            Self::KeyUnknown => "key_unknown",
            Self::SignatureInvalid => "signature_invalid",
            Self::ClaimsMalformed => "claims_malformed",
            Self::ClaimMissing(_) => "claim_missing",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::AudienceMismatch => "audience_mismatch",
            Self::SubjectMismatch => "subject_mismatch",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::TokenIdInvalid => "token_id_invalid",
            Self::ScopeInvalid => "scope_invalid",
            Self::Revoked => "revoked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_learns_which_claim_is_missing() {
        assert_eq!(Refusal::ClaimMissing("aud").reason(), "claim_missing");
        assert_eq!(Refusal::ClaimMissing("aud").to_string(), "the claim aud is missing");
    }
}
