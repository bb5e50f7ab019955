//! The HTTP clients under the SDK, and whom they trust.
//!
//! Reading a system's ~140 root certificates is more than half of a function's INIT, so for AWS's own endpoints only
//! Amazon Trust Services' roots are trusted (`amazon-roots.pem`, from <https://www.amazontrust.com/repository/>; the
//! first expires in 2037). A certificate file named in the environment, and AWS's Chinese partition, get the system's.

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};

const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");

/// Whose certificates are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    Amazon,
    System,
}

impl Trust {
    /// Amazon's roots, unless the operator names a certificate file or the region is not Amazon's own.
    pub(crate) fn choose(region: &str, certificate_file: Option<&str>) -> Self {
        if certificate_file.is_some() || region.starts_with("cn-") { Trust::System } else { Trust::Amazon }
    }
}

/// A client for `https` endpoints.
pub(crate) fn client(trust: Trust) -> SharedHttpClient {
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    match context(trust) {
        Some(context) => builder.tls_context(context).build_https(),
        None => builder.build_https(),
    }
}

/// A client for an endpoint on this machine.
pub(crate) fn plain_client() -> SharedHttpClient {
    Builder::new().build_http()
}

fn context(trust: Trust) -> Option<TlsContext> {
    match trust {
        Trust::System => None,
        Trust::Amazon => TlsContext::builder().with_trust_store(amazon_roots()).build().ok(),
    }
}

fn amazon_roots() -> TrustStore {
    const END: &str = "-----END CERTIFICATE-----\n";
    AMAZON_ROOTS
        .split_inclusive(END)
        .filter(|pem| pem.contains("BEGIN CERTIFICATE"))
        .fold(TrustStore::empty(), TrustStore::with_pem_certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazons_roots_make_a_usable_client() {
        assert_eq!(AMAZON_ROOTS.matches("BEGIN CERTIFICATE").count(), 5);
        assert!(context(Trust::Amazon).is_some());
        // Building the connector parses every certificate; a malformed one panics there.
        let _ = client(Trust::Amazon);
    }

    #[test]
    fn a_named_certificate_file_or_a_foreign_partition_gets_the_systems_roots() {
        assert_eq!(Trust::choose("eu-central-1", None), Trust::Amazon);
        assert_eq!(Trust::choose("eu-central-1", Some("/corp.pem")), Trust::System);
        assert_eq!(Trust::choose("cn-north-1", None), Trust::System);
    }
}
