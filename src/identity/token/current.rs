//! The token keys a running server works with, which can be exchanged while it runs.

use std::sync::{Arc, PoisonError, RwLock};

use super::TokenKeys;

/// The token keys in use.
pub struct CurrentTokenKeys(RwLock<Arc<TokenKeys>>);

impl CurrentTokenKeys {
    /// Begins with these.
    #[must_use]
    pub fn new(keys: TokenKeys) -> Self {
        Self(RwLock::new(Arc::new(keys)))
    }

    /// Those in use now; a request that has begun keeps them to its end.
    #[must_use]
    pub fn current(&self) -> Arc<TokenKeys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts others in their place.
    pub fn replace(&self, keys: TokenKeys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}
