//! Where an `http` step may call (R40): public addresses over https, and what the operator lists. Names are looked up here, and the
//! call is then made to the very addresses that were looked at, so that a name cannot mean one thing when it is checked and another
//! when it is called.

use ipnet::IpNet;
use reqwest::Url;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What may be called besides public addresses over https: `HTTP_STEP_ALLOWED`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedAddresses {
    /// Host and port, as a URL names them, lower case.
    hosts: BTreeSet<(String, u16)>,
    networks: Vec<IpNet>,
}

/// Why an address is not called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// It must not be: a sentence for whoever wrote the step.
    Refused(String),
    /// Nobody knows the name, now: half a sentence.
    Unknown(String),
}

/// IPv4 networks that are not the public's (<https://www.iana.org/assignments/iana-ipv4-special-registry>).
const PRIVATE_V4: [(Ipv4Addr, u8); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local: metadata services answer here, 169.254.169.254 and 169.254.170.2 among them.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Azure's metadata and DNS address, public by its number alone.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Parts of IPv6's public range that are not the public's, or that carry an IPv4 address
/// (<https://www.iana.org/assignments/iana-ipv6-special-registry>). Outside 2000::/3 nothing is public: ::1, IPv4-mapped ones, NAT64's
/// 64:ff9b::/96, fc00::/7, fe80::/10 and ff00::/8 are all there.
const PRIVATE_V6: [(Ipv6Addr, u8); 4] = [
    // IETF's own, Teredo among them.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

impl AllowedAddresses {
    /// A list of `host:port`, networks (`10.1.0.0/16`) and single addresses, separated by commas.
    ///
    /// # Errors
    /// The first entry that is none of these, and what one looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut allowed = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if let Ok(network) = entry.parse::<IpNet>() {
                allowed.networks.push(network);
            } else if let Ok(address) = entry.parse::<IpAddr>() {
                allowed.networks.push(address.into());
            } else {
                let host = entry.rsplit_once(':').and_then(|(host, port)| Some((host.to_lowercase(), port.parse::<u16>().ok()?)));
                let host = host.filter(|(host, _)| !host.is_empty() && !host.contains(['/', ':', '*', ' ']) || host.starts_with('['));
                allowed.hosts.insert(host.ok_or_else(|| {
                    format!("holds `{entry}`, which is neither a host with its port (engine.internal:8080) nor a network (10.1.0.0/16)")
                })?);
            }
        }
        Ok(allowed)
    }

    /// The addresses at which a URL may be called now. One look-up, unless it names an address.
    pub(crate) async fn reach(&self, url: &Url) -> Result<Vec<SocketAddr>, Unreachable> {
        let refused = |why: String| Err(Unreachable::Refused(why));
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return refused("`url` names no host.".to_owned());
        };
        if !matches!(url.scheme(), "https" | "http") {
            return refused(format!("`url` has to be an https address, not {}.", url.scheme()));
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let found: Vec<SocketAddr> = match literal {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => match tokio::net::lookup_host((host, port)).await {
                Ok(found) => found.collect(),
                Err(_) => return Err(Unreachable::Unknown(format!("the name {host} could not be looked up"))),
            },
        };
        self.judge(url, host, port, found)
    }

    fn judge(&self, url: &Url, host: &str, port: u16, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Unreachable> {
        let is_listed_host = self.hosts.contains(&(host.trim_end_matches('.').to_lowercase(), port));
        let listed = |at: &SocketAddr| is_listed_host || self.networks.iter().any(|network| network.contains(&at.ip()));
        let https = url.scheme() == "https";
        let may = |at: &SocketAddr| listed(at) || (https && is_public(at.ip()));
        let (reachable, other): (Vec<SocketAddr>, Vec<SocketAddr>) = found.into_iter().partition(may);
        if !reachable.is_empty() {
            return Ok(reachable);
        }
        let mend = "Whoever operates Patchbay can allow it (`HttpStepAllowed`).";
        Err(match other.first() {
            None => Unreachable::Unknown(format!("the name {host} has no address")),
            Some(at) if is_public(at.ip()) => {
                Unreachable::Refused(format!("`url` has to be an https address: http is for addresses that the operator lists. {mend}"))
            }
            Some(at) => {
                Unreachable::Refused(format!("{host} leads to {}, which is not a public address; Patchbay calls no other. {mend}", at.ip()))
            }
        })
    }
}

/// Whether an address is one that anybody on the internet reaches, and nobody else's network.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let inside = |(network, bits): &(Ipv4Addr, u8)| (u32::from(v4) ^ u32::from(*network)) >> (32 - u32::from(*bits)) == 0;
            !PRIVATE_V4.iter().any(inside)
        }
        IpAddr::V6(v6) => {
            let inside = |(network, bits): &(Ipv6Addr, u8)| (u128::from(v6) ^ u128::from(*network)) >> (128 - u32::from(*bits)) == 0;
            u128::from(v6) >> 125 == 1 && !PRIVATE_V6.iter().any(inside)
        }
    }
}

#[cfg(test)]
mod tests;
