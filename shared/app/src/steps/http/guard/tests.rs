//! Tables of addresses: which are called, which only if they are listed, and how that is said.

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

#[test]
fn only_public_addresses_are_public() {
    for public in [
        "1.1.1.1",
        "8.8.8.8",
        "140.82.121.4",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "2001:4860:4860::8888",
        "2400::1",
    ] {
        assert!(is_public(public.parse().unwrap()), "{public}");
    }
    for private in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.169.123",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "168.63.129.16",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ] {
        assert!(!is_public(private.parse().unwrap()), "{private}");
    }
}

#[tokio::test]
async fn an_address_is_refused_in_every_spelling() {
    let nothing = AllowedAddresses::default();
    for text in [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://[::1]/",
        "https://[::]/",
        "https://0/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:169.254.169.254]/",
        "https://[fd00:ec2::254]/",
        "https://user@127.0.0.1/",
        "https://127.0.0.1:8443/",
        "https://localhost/",
        "https://localhost:443/",
    ] {
        match nothing.reach(&url(text)).await {
            Err(Unreachable::Refused(why)) => {
                assert!(why.contains("not a public address") && why.contains("HttpStepAllowed"), "{text}: {why}")
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn http_is_for_listed_addresses_alone() {
    let nothing = AllowedAddresses::default();
    let Err(Unreachable::Refused(why)) = nothing.reach(&url("http://1.1.1.1/")).await else { panic!() };
    assert!(why.contains("https"), "{why}");
    assert_eq!(nothing.reach(&url("https://1.1.1.1/")).await, Ok(vec!["1.1.1.1:443".parse().unwrap()]));
    let network = AllowedAddresses::parse("1.1.1.0/24").unwrap();
    assert_eq!(network.reach(&url("http://1.1.1.1:81/")).await, Ok(vec!["1.1.1.1:81".parse().unwrap()]));
    assert!(matches!(nothing.reach(&url("ftp://1.1.1.1/")).await, Err(Unreachable::Refused(_))));
}

#[tokio::test]
async fn a_listed_host_counts_with_its_port_and_a_listed_network_with_every() {
    let allowed = AllowedAddresses::parse(" 127.0.0.1:9000, LOCALHOST:9001 ,10.1.0.0/16,192.168.7.7, [::1]:9002 ").unwrap();
    for text in [
        "http://127.0.0.1:9000/x",
        "http://localhost:9001/",
        "https://10.1.2.3/",
        "http://10.1.2.3:1/",
        "http://192.168.7.7/",
        "http://[::1]:9002/",
    ] {
        assert!(allowed.reach(&url(text)).await.is_ok(), "{text}");
    }
    for text in ["http://127.0.0.1:9001/x", "http://127.0.0.2:9000/", "https://10.2.0.1/", "http://192.168.7.8/", "http://[::1]:9003/"] {
        assert!(matches!(allowed.reach(&url(text)).await, Err(Unreachable::Refused(_))), "{text}");
    }
}

#[test]
fn of_a_names_addresses_only_those_that_may_be_called_are() {
    let nothing = AllowedAddresses::default();
    let found = ["10.0.0.1:443", "8.8.8.8:443", "[fe80::1]:443"].map(|at| at.parse().unwrap()).to_vec();
    assert_eq!(nothing.judge(&url("https://x.test/"), "x.test", 443, found), Ok(vec!["8.8.8.8:443".parse().unwrap()]));
    let none = nothing.judge(&url("https://x.test/"), "x.test", 443, Vec::new());
    assert_eq!(none, Err(Unreachable::Unknown("the name x.test has no address".to_owned())));
}

#[test]
fn an_entry_that_is_neither_host_nor_network_is_named() {
    for entry in ["engine.internal", "http://x:80", "*:80", "x:99999", "10.0.0.0/40", "x:", ":80", "a b:1"] {
        let error = AllowedAddresses::parse(&format!("1.2.3.4, {entry}")).unwrap_err();
        assert!(error.contains(&format!("`{entry}`")) && error.contains("engine.internal:8080"), "{error}");
    }
    assert_eq!(AllowedAddresses::parse(" , "), Ok(AllowedAddresses::default()));
}
