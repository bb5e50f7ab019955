//! The App's key pair, and the check of the JWTs that it signs: RS256 only, with GitHub's rules about their times.

use anyhow::{Result, anyhow, bail};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::error::ApiError;

/// Clocks may differ by this many seconds.
const LEEWAY: i64 = 60;
/// A JWT may be valid for this many seconds from now.
const LONGEST_LIFE: i64 = 600;

/// Makes a new RSA key of 2,048 bits for an App, as PEM (PKCS#8).
///
/// # Errors
/// When the system gives no randomness.
pub fn generate_app_key() -> Result<String> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("no RSA key could be made"))?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| anyhow!("the RSA key could not be encoded"))?;
    Ok(to_pem("PRIVATE KEY", der.as_ref()))
}

/// The public half of an App's key.
#[derive(Debug, Clone)]
pub(crate) struct AppKey {
    public: Vec<u8>,
}

impl AppKey {
    /// Reads a private key from PEM, PKCS#1 or PKCS#8; only its public half is kept.
    pub(crate) fn from_private_pem(pem: &str) -> Result<Self> {
        let (label, der) = from_pem(pem)?;
        let pair = match label.as_str() {
            "PRIVATE KEY" => KeyPair::from_pkcs8(&der),
            "RSA PRIVATE KEY" => KeyPair::from_der(&der),
            other => bail!("a private key was expected, not {other}"),
        };
        let pair = pair.map_err(|_| anyhow!("the App's private key is no RSA key"))?;
        Ok(Self { public: pair.public_key().as_ref().to_vec() })
    }

    /// Checks an App's JWT: signature, issuer (`app_id` or `client_id`), times.
    pub(crate) fn check_jwt(&self, token: &str, app_id: u64, client_id: &str, now: i64) -> Result<(), ApiError> {
        let undecodable = || ApiError::unauthorized("A JSON web token could not be decoded");
        let (signed, signature) = token.rsplit_once('.').ok_or_else(undecodable)?;
        let (header, claims) = signed.split_once('.').ok_or_else(undecodable)?;
        let header = json_part(header).ok_or_else(undecodable)?;
        if header["alg"] != "RS256" {
            return Err(undecodable());
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| undecodable())?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| undecodable())?;
        check_claims(&json_part(claims).ok_or_else(undecodable)?, app_id, client_id, now)
    }
}

fn check_claims(claims: &Value, app_id: u64, client_id: &str, now: i64) -> Result<(), ApiError> {
    let expires = claims["exp"].as_i64().ok_or_else(|| {
        ApiError::unauthorized(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )
    })?;
    let issued = claims["iat"].as_i64().ok_or_else(|| {
        ApiError::unauthorized("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
    })?;
    if expires <= now {
        return Err(ApiError::unauthorized(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        ));
    }
    if expires > now + LONGEST_LIFE + LEEWAY {
        return Err(ApiError::unauthorized("'Expiration time' claim ('exp') is too far in the future"));
    }
    if issued > now + LEEWAY {
        return Err(ApiError::unauthorized(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        ));
    }
    let issuer = match &claims["iss"] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(ApiError::unauthorized("'Issuer' claim ('iss') must be an Integer")),
    };
    if issuer == app_id.to_string() || issuer == client_id { Ok(()) } else { Err(ApiError::new(404, "Integration not found")) }
}

fn json_part(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn to_pem(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines: Vec<&str> = encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn from_pem(pem: &str) -> Result<(String, Vec<u8>)> {
    let start = pem.find("-----BEGIN ").ok_or_else(|| anyhow!("the App's private key is not PEM"))? + "-----BEGIN ".len();
    let (label, rest) = pem[start..].split_once("-----").ok_or_else(|| anyhow!("the PEM header does not end"))?;
    let (body, _) = rest.split_once("-----END").ok_or_else(|| anyhow!("the PEM text does not end"))?;
    let compact: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
    Ok((label.to_owned(), STANDARD.decode(compact)?))
}
