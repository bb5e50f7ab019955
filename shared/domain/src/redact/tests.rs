use super::*;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;

const SECRET: &str = "s3cret/Value+with=ödd?chars";

fn check(text: &str, expected: Option<HitKind>) {
    assert_eq!(scan(text, &[SECRET]).map(|hit| hit.kind), expected, "{text}");
}

#[test]
fn a_known_value_is_found_in_every_spelling() {
    check(&format!("x{SECRET}y"), Some(HitKind::KnownValue));
    check(&hex::encode(SECRET), Some(HitKind::KnownValue));
    check(&hex::encode_upper(SECRET), Some(HitKind::KnownValue));
    check("s3cret%2FValue%2Bwith%3D%C3%B6dd%3Fchars", Some(HitKind::KnownValue));
    check("s3cret%2fValue%2bwith%3d%c3%b6dd%3fchars", Some(HitKind::KnownValue));
    for before in ["", "a", "ab", "abc", "user:"] {
        check(&STANDARD.encode(format!("{before}{SECRET}")), Some(HitKind::KnownValue));
        check(&URL_SAFE.encode(format!("{before}{SECRET}and more")), Some(HitKind::KnownValue));
    }
    let encoded = STANDARD.encode(SECRET);
    check(&format!("{}\n{}", &encoded[..10], &encoded[10..]), Some(HitKind::KnownValue));
    check("s3cret/Value", None);
}

#[test]
fn a_line_of_a_private_key_is_enough() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAabcdefghijklmnopqrstuvwxyz0123456789\nshort\n-----END RSA PRIVATE KEY-----";
    assert!(scan("see MIIEowIBAAKCAQEAabcdefghijklmnopqrstuvwxyz0123456789", &[key]).is_some());
    assert_eq!(scan("short", &[key]), None);
}

#[test]
fn short_values_are_ignored() {
    assert_eq!(scan("the user is root", &["root", ""]), None);
}

/// Assembled here, so that no scanner takes this file for a leak.
fn token(prefix: &str, length: usize) -> String {
    format!("{prefix}{}", "a1B2c3D4e5".repeat(20).chars().take(length).collect::<String>())
}

#[test]
fn tokens_are_known_by_their_shape() {
    let jwt = format!("{}.{}.{}", token("eyJ", 20), token("eyJ", 40), token("", 43));
    for (text, kind) in [
        (token("ghp_", 36), HitKind::GithubToken),
        (token("ghs_", 36), HitKind::GithubToken),
        (format!("ghs_123456_{jwt}"), HitKind::GithubToken),
        (token("github_pat_", 60), HitKind::GithubToken),
        (token("xoxb-", 24), HitKind::SlackToken),
        (format!("AKIA{}", "ABCDEFGH12345678"), HitKind::AwsKey),
        (format!("-----BEGIN PRIVATE KEY-----\n{}\n", token("", 64)), HitKind::PrivateKey),
        (format!("-----BEGIN RSA PRIVATE KEY-----\\n{}", token("", 64)), HitKind::PrivateKey),
        (token("sk-", 48), HitKind::ModelKey),
        (token("sk-ant-api03-", 60), HitKind::ModelKey),
        (token("sk-proj-", 60), HitKind::ModelKey),
        (jwt, HitKind::Jwt),
    ] {
        check(&format!("key = \"{text}\""), Some(kind));
        let redacted = redact(&format!("before {text} after"));
        assert!(redacted.starts_with("before [redacted]") && !redacted.contains("a1B2c3D4e5"), "{redacted}");
    }
}

#[test]
fn what_only_reminds_of_a_token_is_let_through() {
    for text in [
        "use ghp_ tokens",
        "task-sk-fading-circle-animation-delay-container",
        "sk-spinner",
        "AKIAEXAMPLE",
        "if line.contains(\"-----BEGIN PRIVATE KEY-----\") { return }",
        "eyJhbGciOi",
        "xoxo-hugs",
    ] {
        check(text, None);
        assert_eq!(redact(text), text);
    }
}

#[test]
fn a_known_value_is_blotted_out() {
    let secrets = Secrets::new([SECRET, "another-secret"]);
    assert_eq!(secrets.redact(&format!("a {SECRET} b another-secret c")), "a [redacted] b [redacted] c");
}

#[test]
fn a_known_value_is_blotted_out_with_its_line_ends() {
    let encoded = STANDARD.encode(SECRET);
    let text = format!("before {}\n  {}\n{} after", &encoded[..9], &encoded[9..20], &encoded[20..]);
    let blotted = Secrets::new([SECRET]).redact(&text);
    // What also holds bits of a neighbour is not part of the pattern.
    assert!(blotted.starts_with("before [redacted]") && blotted.ends_with(" after") && !blotted.contains('\n'), "{blotted}");
}

#[test]
fn a_value_that_appears_when_another_is_gone_is_blotted_out_too() {
    let secrets = Secrets::new(["aaaa[redacted]bbbb", "inner-secret"]);
    assert_eq!(secrets.redact("aaaainner-secretbbbb"), "[redacted]");
    assert_eq!(Secrets::new(["redacted"]).redact("a secret that is what replaces it: redacted"), "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn no_bytes_panic(text in prop::collection::vec(any::<u8>(), 0..500)) {
        let _ = scan(&text, &[SECRET]);
    }

    #[test]
    fn a_secret_is_found_wherever_it_hides(secret in "[!-~]{8,40}", before in "[ -~]{0,9}", after in "[ -~]{0,9}") {
        let text = format!("{before}{secret}{after}");
        prop_assert!(scan(&text, &[&secret]).is_some());
        prop_assert!(scan(STANDARD.encode(&text), &[&secret]).is_some());
        prop_assert!(scan(URL_SAFE_NO_PAD.encode(&text), &[&secret]).is_some());
        prop_assert!(scan(hex::encode(&text), &[&secret]).is_some());
        prop_assert!(!Secrets::new([&secret]).redact(&text).contains(&secret));
    }

    #[test]
    fn nothing_is_found_in_what_was_redacted(secret in "[!-~]{8,40}", pieces in prop::collection::vec(0..6_usize, 0..12), width in 1..30_usize) {
        let secrets = Secrets::new([&secret]);
        let spelled: String = pieces.iter().map(|kind| match kind {
            0 => secret.clone(),
            1 => STANDARD.encode(&secret),
            2 => hex::encode(&secret),
            3 => STANDARD.encode(&secret).as_bytes().chunks(width).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect(),
            4 => secret.bytes().map(|b| format!("%{b:02X}")).collect(),
            _ => " plain ".to_owned(),
        }).collect();
        prop_assert_eq!(secrets.scan(secrets.redact(&spelled)), None);
    }
}
