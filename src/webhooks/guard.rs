//! Where webhooks may go: public addresses over https, and nowhere else.
//!
//! A URL is checked when it is registered and before each attempt; what a name stands for is checked at the moment of connecting, by the
//! resolver that hands the very addresses it checked to the connection. So a name that points elsewhere by then, or an address in any
//! spelling, reaches nothing inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

/// Ports webhooks may go to.
const PORTS: [u16; 2] = [443, 8443];
/// The longest URL that is taken, in bytes.
pub const URL_LENGTH_MAX: usize = 500;
/// Names that stand for something inside by convention, whatever the resolver says.
const INSIDE_NAMES: [&str; 6] = ["localhost", "local", "internal", "intranet", "home.arpa", "localdomain"];

/// Why a URL is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// No URL at all, or one without a host.
    #[error("this is no URL of the form https://host/path with at most 500 bytes")]
    Malformed,
    /// Another scheme.
    #[error("only https is called")]
    Scheme,
    /// A user or password in it.
    #[error("a user or password must not stand in the URL")]
    UserInformation,
    /// A fragment, which never reaches a server.
    #[error("a fragment (#…) must not stand in the URL")]
    Fragment,
    /// Another port.
    #[error("only the ports 443 and 8443 are called")]
    Port,
    /// A name or address that is not public.
    #[error("this is not an address of the public internet")]
    NotPublic,
}

impl Refused {
    /// Stable code of the fault.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "url_malformed",
            Self::Scheme => "url_scheme",
            Self::UserInformation => "url_user_information",
            Self::Fragment => "url_fragment",
            Self::Port => "url_port",
            Self::NotPublic => "url_not_public",
        }
    }

    /// The same in Chinese.
    #[must_use]
    pub const fn chinese(self) -> &'static str {
        match self {
            Self::Malformed => "不是形如 https://主机/路径、不超过 500 字节的网址",
            Self::Scheme => "仅支持 https",
            Self::UserInformation => "网址中不得包含用户名或密码",
            Self::Fragment => "网址中不得包含片段（#…）",
            Self::Port => "仅支持 443 和 8443 端口",
            Self::NotPublic => "该地址不是公网地址",
        }
    }
}

/// Decides which URLs are called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Guard {
    /// Also addresses inside, any port and plain http: for demonstrations and tests on one machine.
    pub allow_private: bool,
}

impl Guard {
    /// Reads a URL that may be called as far as can be told without asking what its name stands for.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(self, text: &str) -> Result<Url, Refused> {
        let url = Url::parse(text).ok().filter(|_| text.len() <= URL_LENGTH_MAX).ok_or(Refused::Malformed)?;
        if !(url.scheme() == "https" || self.allow_private && url.scheme() == "http") {
            return Err(Refused::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::UserInformation);
        }
        if url.fragment().is_some() {
            return Err(Refused::Fragment);
        }
        let host = url.host_str().ok_or(Refused::Malformed)?;
        if self.allow_private {
            return Ok(url);
        }
        if !url.port_or_known_default().is_some_and(|port| PORTS.contains(&port)) {
            return Err(Refused::Port);
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let public = match literal {
            Ok(address) => is_public(address),
            Err(_) => is_public_name(host),
        };
        if public { Ok(url) } else { Err(Refused::NotPublic) }
    }

    /// Whether a connection may go to this address.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        self.allow_private || is_public(address)
    }
}

/// A name with a dot in it that does not stand for something inside.
fn is_public_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let inside = |name: &str| host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    host.contains('.') && !INSIDE_NAMES.into_iter().any(inside)
}

/// Whether an address is one of the public internet, by the registries of special-purpose addresses (RFC 6890 and its updates).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Networks of IPv4 that are not of the public internet: first address and length of the prefix.
const SPECIAL_V4: [([u8; 4], u32); 19] = [
    ([0, 0, 0, 0], 8),        // this network
    ([10, 0, 0, 0], 8),       // private
    ([100, 64, 0, 0], 10),    // shared by carriers (CGNAT); metadata of one cloud lies here
    ([127, 0, 0, 0], 8),      // loopback
    ([168, 63, 129, 16], 32), // the host of one cloud's machines
    ([169, 254, 0, 0], 16),   // link-local; metadata of most clouds
    ([172, 16, 0, 0], 12),    // private
    ([192, 0, 0, 0], 24),     // protocol assignments
    ([192, 0, 2, 0], 24),     // documentation
    ([192, 31, 196, 0], 24),  // anycast of AS112
    ([192, 52, 193, 0], 24),  // anycast of AMT
    ([192, 88, 99, 0], 24),   // relays of 6to4
    ([192, 168, 0, 0], 16),   // private
    ([192, 175, 48, 0], 24),  // anycast of AS112
    ([198, 18, 0, 0], 15),    // benchmarks
    ([198, 51, 100, 0], 24),  // documentation
    ([203, 0, 113, 0], 24),   // documentation
    ([224, 0, 0, 0], 4),      // multicast
    ([240, 0, 0, 0], 4),      // reserved, broadcast
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !SPECIAL_V4.iter().any(|(network, prefix)| (bits ^ u32::from_be_bytes(*network)) >> (32 - prefix) == 0)
}

/// Only global unicast (2000::/3), and of that nothing that stands for another address: what is mapped, translated (NAT64), tunnelled
/// (Teredo, 6to4), unique local, link-local or multicast lies outside or is taken out.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let special = match first {
        0x2001 => second < 0x0200 || second == 0x0db8, // IETF protocol assignments with Teredo and ORCHID; documentation
        0x2002 => true,                                // 6to4
        0x3fff => second < 0x1000,                     // documentation
        _ => false,
    };
    (0x2000..0x4000).contains(&first) && !special
}

/// What a name stands for: the system's answer, or one that a test makes up.
pub trait Lookup: Send + Sync + 'static {
    /// The addresses of a name.
    fn lookup(&self, name: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

/// A name stands for addresses that are not all public.
#[derive(Debug, Error)]
#[error("the name stands for an address that is not public")]
pub struct AddressRefused;

/// The resolver of the connections: asks, checks, and hands on what it checked. One address inside refuses the name as a whole, since a
/// name that means both is no receiver.
pub struct GuardedResolver {
    guard: Guard,
    lookup: Arc<dyn Lookup>,
}

impl GuardedResolver {
    /// A resolver that lets pass what `guard` allows.
    #[must_use]
    pub fn new(guard: Guard, lookup: Arc<dyn Lookup>) -> Self {
        Self { guard, lookup }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, looking) = (self.guard, self.lookup.lookup(name.as_str().to_owned()));
        Box::pin(async move {
            let addresses = looking.await?;
            if addresses.is_empty() || !addresses.iter().all(|address| guard.allows(address.ip())) {
                return Err(AddressRefused.into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = include_str!("../../tests/data/hostile_urls.txt");

    #[test]
    fn no_hostile_url_is_taken() {
        let lines: Vec<&str> = HOSTILE.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).collect();
        assert!(lines.len() >= 200, "{}", lines.len());
        for line in lines {
            assert!(Guard::default().check(line).is_err(), "{line}");
        }
    }

    #[test]
    fn public_receivers_are_taken() {
        for url in [
            "https://partner.example.cn/hooks",
            "https://partner.example.cn:8443/hooks?token=a",
            "https://人社.example.cn/",
            "https://8.8.8.8/",
            "https://223.5.5.5:443/x",
            "https://[2400:3200::1]/",
            "https://[2001:4860:4860::8888]:8443/",
            "https://partner.example.cn./",
        ] {
            assert!(Guard::default().check(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn each_refusal_says_what_is_wrong() {
        for (url, refused) in [
            ("nonsense", Refused::Malformed),
            ("https://", Refused::Malformed),
            ("http://partner.example.cn/", Refused::Scheme),
            ("https://user@partner.example.cn/", Refused::UserInformation),
            ("https://:secret@partner.example.cn/", Refused::UserInformation),
            ("https://partner.example.cn/#top", Refused::Fragment),
            ("https://partner.example.cn:22/", Refused::Port),
            ("https://127.0.0.1/", Refused::NotPublic),
            ("https://intern/", Refused::NotPublic),
        ] {
            assert_eq!(Guard::default().check(url), Err(refused), "{url}");
        }
        let long = format!("https://partner.example.cn/{}", "a".repeat(URL_LENGTH_MAX));
        assert_eq!(Guard::default().check(&long), Err(Refused::Malformed));
    }

    #[test]
    fn the_switch_opens_the_inside_and_nothing_else() {
        let open = Guard { allow_private: true };
        assert!(open.check("http://127.0.0.1:9000/hooks").is_ok());
        assert_eq!(open.check("ftp://127.0.0.1/"), Err(Refused::Scheme));
        assert_eq!(open.check("http://user@127.0.0.1/"), Err(Refused::UserInformation));
    }

    struct Fixed(Vec<IpAddr>);

    impl Lookup for Fixed {
        fn lookup(&self, _: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>> {
            let addresses = self.0.iter().map(|address| SocketAddr::new(*address, 0)).collect();
            Box::pin(std::future::ready(Ok(addresses)))
        }
    }

    #[tokio::test]
    async fn a_name_is_as_good_as_the_worst_of_its_addresses() {
        for (addresses, taken) in [
            (vec!["8.8.8.8"], true),
            (vec!["8.8.8.8", "2400:3200::1"], true),
            (vec!["8.8.8.8", "10.0.0.1"], false),
            (vec!["::ffff:127.0.0.1"], false),
            (vec![], false),
        ] {
            let lookup = Fixed(addresses.iter().map(|address| address.parse().unwrap()).collect());
            let resolver = GuardedResolver::new(Guard::default(), Arc::new(lookup));
            let resolved = resolver.resolve("partner.example.cn".parse().unwrap()).await;
            assert_eq!(resolved.map(Iterator::count).ok(), taken.then_some(addresses.len()), "{addresses:?}");
        }
    }
}
