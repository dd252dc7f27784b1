//! The addresses of a server.

use super::{Context, OptionValue, Raw, quoted, toml_string, unexpected};
use crate::spec::Addresses;
use std::net::{IpAddr, SocketAddr};

/// One or several of `IP:PORT` and `[IPv6]:PORT`; in text they are separated by commas.
pub(crate) struct AddressList;

impl AddressList {
    const EXPECTED: &'static str = "an address such as \"127.0.0.1:8080\" or a list of them";
}

impl OptionValue for AddressList {
    type Declared = Addresses;
    type Value = Vec<SocketAddr>;

    fn parse(raw: &Raw) -> Result<Addresses, String> {
        let addresses = match raw {
            Raw::Text(text) => text.split(',').map(|address| address.trim().to_owned()).collect(),
            Raw::String(address) => vec![address.clone()],
            Raw::List(items) => items.iter().map(item).collect::<Result<_, _>>()?,
            _ => return Err(unexpected(Self::EXPECTED, raw)),
        };
        Ok(Addresses(addresses))
    }

    fn validate(Addresses(addresses): Addresses, _: &Context) -> Result<Self::Value, String> {
        let mut valid = Vec::new();
        let mut faults = Vec::new();
        for address in &addresses {
            match parse_address(address) {
                Ok(address) if address.port() != 0 && valid.contains(&address) => {
                    faults.push(format!("`{address}` stands in the list twice"));
                }
                Ok(address) => valid.push(address),
                Err(fault) => faults.push(fault),
            }
        }
        if addresses.is_empty() {
            faults.push(format!("expected {}, got an empty list", Self::EXPECTED));
        }
        if faults.is_empty() { Ok(valid) } else { Err(faults.join("; ")) }
    }

    fn render(addresses: &Self::Value) -> String {
        let addresses: Vec<String> =
            addresses.iter().map(|address| toml_string(&address.to_string())).collect();
        match addresses.as_slice() {
            [address] => address.clone(),
            _ => format!("[{}]", addresses.join(", ")),
        }
    }
}

fn item(raw: &Raw) -> Result<String, String> {
    match raw {
        Raw::String(address) => Ok(address.clone()),
        _ => Err(unexpected("a list of strings", raw)),
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{} {}", quoted(text), fault(text)))
}

/// What is wrong with `text`, and what to write instead.
fn fault(text: &str) -> String {
    let (scheme, _) = text.split_once(':').unwrap_or_default();
    if matches!(scheme, "fd" | "systemd") {
        return "is a socket to take over, which has no effect yet; write `IP:PORT`".to_owned();
    }
    if scheme == "unix" || text.starts_with(['/', '.', '@']) {
        return "is a unix socket, which has no effect yet; write `IP:PORT`".to_owned();
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        let example = SocketAddr::new(address, 8080);
        return format!("is an IP address without a port; write `{example}` for port 8080");
    }
    let (host, port) = match text.rsplit_once(':') {
        Some(parts) => parts,
        None if is_number(text) => ("", text),
        None => return "is not an address; write `IP:PORT`, such as `127.0.0.1:8080`".to_owned(),
    };
    if !is_number(port) {
        return "has no port number; write `IP:PORT`, such as `127.0.0.1:8080`".to_owned();
    }
    if port.parse::<u16>().is_err() {
        return "has a port above 65535".to_owned();
    }
    match host {
        "" | "*" => format!(
            "has no IP address; write `0.0.0.0:{port}` for every IPv4 interface, `[::]:{port}` for every interface, \
             or `127.0.0.1:{port}` for this machine only"
        ),
        "localhost" => {
            format!("is a name, not an IP address; write `127.0.0.1:{port}` or `[::1]:{port}`")
        }
        _ if host.contains(':') => {
            format!("is not an address; an IPv6 address stands in brackets: `[::1]:{port}`")
        }
        _ if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            format!(
                "is not an address; an IPv4 address has four numbers up to 255: `127.0.0.1:{port}`"
            )
        }
        _ => format!("is a name, and names are not looked up; write the IP address: `IP:{port}`"),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("127.0.0.1:8080", Ok("127.0.0.1:8080")),
            ("0.0.0.0:0", Ok("0.0.0.0:0")),
            ("[::]:80", Ok("[::]:80")),
            ("[0:0::1]:80", Ok("[::1]:80")),
            (
                "localhost:80",
                Err("is a name, not an IP address; write `127.0.0.1:80` or `[::1]:80`"),
            ),
            (
                "example.org:80",
                Err("is a name, and names are not looked up; write the IP address: `IP:80`"),
            ),
            ("fd:3", Err("is a socket to take over, which has no effect yet; write `IP:PORT`")),
            (
                "systemd:web",
                Err("is a socket to take over, which has no effect yet; write `IP:PORT`"),
            ),
            ("unix:/run/a", Err("is a unix socket, which has no effect yet; write `IP:PORT`")),
            ("/run/a.sock", Err("is a unix socket, which has no effect yet; write `IP:PORT`")),
            (
                "127.0.0.1",
                Err("is an IP address without a port; write `127.0.0.1:8080` for port 8080"),
            ),
            ("::1", Err("is an IP address without a port; write `[::1]:8080` for port 8080")),
            ("[::1]", Err("is an IP address without a port; write `[::1]:8080` for port 8080")),
            (
                "fe80::x:80",
                Err("is not an address; an IPv6 address stands in brackets: `[::1]:80`"),
            ),
            ("127.0.0.1:99999", Err("has a port above 65535")),
            ("127.0.0.1:", Err("has no port number; write `IP:PORT`, such as `127.0.0.1:8080`")),
            (
                "127.0.0.1:http",
                Err("has no port number; write `IP:PORT`, such as `127.0.0.1:8080`"),
            ),
            (
                "300.0.0.1:80",
                Err(
                    "is not an address; an IPv4 address has four numbers up to 255: `127.0.0.1:80`",
                ),
            ),
            ("hello", Err("is not an address; write `IP:PORT`, such as `127.0.0.1:8080`")),
            ("", Err("is not an address; write `IP:PORT`, such as `127.0.0.1:8080`")),
        ] {
            let expected = match expected {
                Ok(address) => Ok(address.to_owned()),
                Err(fault) => Err(format!("`{text}` {fault}")),
            };
            let actual = parse_address(text).map(|address| address.to_string());
            assert_eq!(actual, expected, "{text}");
        }
        for text in [":8080", "8080", "*:8080"] {
            let fault = parse_address(text).expect_err(text);
            assert!(fault.contains("write `0.0.0.0:8080` for every IPv4 interface"), "{fault}");
        }
    }
}
