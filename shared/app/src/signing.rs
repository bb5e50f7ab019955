//! The deployment's signing secret, as the functions that sign or check tokens read it. What is derived from it is
//! `domain::signing`'s.

use patchbay_aws::secrets::Secrets;
use patchbay_domain::signing::SigningSecret;
use serde::Deserialize;

/// Where the secret is: `SECRET_SIGNING_ID`.
#[derive(Clone)]
pub struct Signing {
    pub secrets: Secrets,
    pub secret_id: String,
}

/// As CloudFormation makes it.
#[derive(Deserialize)]
struct Stored {
    key: String,
}

impl Signing {
    /// The secret. No call, or one.
    ///
    /// # Errors
    /// If it cannot be read, or is no secret.
    pub async fn secret(&self) -> anyhow::Result<SigningSecret> {
        let stored: Stored = self.secrets.get_json(&self.secret_id).await?;
        SigningSecret::new(&stored.key).ok_or_else(|| anyhow::anyhow!("the signing secret's key has fewer than 32 characters"))
    }
}
