//! Routes.

use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts the routes of this slice.
pub fn mount(_config: &mut ServiceConfig) {}
