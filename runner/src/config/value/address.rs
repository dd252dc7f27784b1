//! What a server listens on.

use super::{Context, OptionValue, Raw, SOCKET_PATH_MAX, quoted, toml_string, unexpected};
use crate::spec::{Address, Addresses, Bind};
use std::net::{IpAddr, SocketAddr};
use std::path::{Component, PathBuf};

/// The longest name of an abstract socket, in bytes: `sun_path` has 108, the first of which is 0
/// (unix(7)).
const ABSTRACT_NAME_MAX: usize = 107;

/// The first descriptor that is not a standard stream.
const DESCRIPTOR_MIN: i32 = 3;

/// One or several things to bind, as [`Addresses`] lists them; in text they are separated by commas.
pub(crate) struct AddressList;

impl AddressList {
    const EXPECTED: &'static str = "an address such as \"127.0.0.1:8080\" or a list of them";
}

impl OptionValue for AddressList {
    type Declared = Addresses;
    type Value = Vec<Bind>;

    fn parse(raw: &Raw) -> Result<Addresses, String> {
        let addresses = match raw {
            Raw::Text(text) => text.split(',').map(|address| address.trim().to_owned()).collect(),
            Raw::String(address) => vec![address.clone()],
            Raw::List(items) => items.iter().map(item).collect::<Result<_, _>>()?,
            _ => return Err(unexpected(Self::EXPECTED, raw)),
        };
        Ok(Addresses(addresses))
    }

    fn validate(Addresses(addresses): Addresses, context: &Context) -> Result<Vec<Bind>, String> {
        let mut valid: Vec<Bind> = Vec::new();
        let mut faults = Vec::new();
        for address in &addresses {
            match parse_bind(address, context) {
                Ok(bind) if !bind.is_any_port() && valid.contains(&bind) => {
                    faults.push(format!("`{bind}` stands in the list twice"));
                }
                Ok(bind) => valid.push(bind),
                Err(fault) => faults.push(fault),
            }
        }
        if addresses.is_empty() {
            faults.push(format!("expected {}, got an empty list", Self::EXPECTED));
        }
        if faults.is_empty() { Ok(valid) } else { Err(faults.join("; ")) }
    }

    fn render(binds: &Self::Value) -> String {
        let binds: Vec<String> = binds.iter().map(|bind| toml_string(&bind.to_string())).collect();
        match binds.as_slice() {
            [bind] => bind.clone(),
            _ => format!("[{}]", binds.join(", ")),
        }
    }
}

fn item(raw: &Raw) -> Result<String, String> {
    match raw {
        Raw::String(address) => Ok(address.clone()),
        _ => Err(unexpected("a list of strings", raw)),
    }
}

fn parse_bind(text: &str, context: &Context) -> Result<Bind, String> {
    let bind = if let Some(path) = text.strip_prefix("unix:") {
        unix(path, context)
    } else if ["/", "./", "../"].iter().any(|start| text.starts_with(start)) {
        unix(text, context)
    } else if let Some(name) = text.strip_prefix('@') {
        abstract_name(name)
    } else if let Some(number) = text.strip_prefix("fd:") {
        descriptor(number)
    } else if let Some(name) = text.strip_prefix("systemd:") {
        systemd(name)
    } else if text == "systemd" {
        Ok(Bind::Systemd(None))
    } else {
        ip(text)
    };
    bind.map_err(|fault| format!("{} {fault}", quoted(text)))
}

fn unix(path: &str, context: &Context) -> Result<Bind, String> {
    if let Some(rest) = path.strip_prefix("//") {
        let path = rest.trim_start_matches('/');
        return Err(format!("is no URL; write `unix:/{path}`"));
    }
    if path.starts_with('@') {
        return Err(format!("is a name, not a path; write `{path}`, or `./{path}` for a file"));
    }
    if path.is_empty() || path.ends_with('/') {
        return Err("has no file name; write `unix:/run/app.sock`".to_owned());
    }
    if path.contains('\0') {
        return Err("has a NUL in its path".to_owned());
    }
    // Two ways to write one path are one path; `..` may lead anywhere and stays.
    let whole: PathBuf = context.directory.join(path).components().collect();
    if !matches!(whole.components().next_back(), Some(Component::Normal(_))) {
        return Err("is a directory; write `unix:/run/app.sock`".to_owned());
    }
    let Some(text) = whole.to_str() else {
        return Err("lies in a directory whose name is not UTF-8".to_owned());
    };
    if text.len() > SOCKET_PATH_MAX {
        return Err(format!(
            "has a path of {} bytes from the root on; at most {SOCKET_PATH_MAX} are possible",
            text.len()
        ));
    }
    Ok(Bind::Address(Address::Unix(whole)))
}

fn abstract_name(name: &str) -> Result<Bind, String> {
    if name.is_empty() {
        Err("has no name; write `@app`".to_owned())
    } else if name.len() > ABSTRACT_NAME_MAX {
        let bytes = name.len();
        Err(format!("has {bytes} bytes after the `@`; at most {ABSTRACT_NAME_MAX} are possible"))
    } else if !name.chars().eq(name.escape_debug()) {
        Err("has a name with quotes, backslashes or invisible characters; leave them out"
            .to_owned())
    } else {
        Ok(Bind::Address(Address::Abstract(name.to_owned())))
    }
}

fn descriptor(number: &str) -> Result<Bind, String> {
    if !is_number(number) {
        return Err("has no number of a descriptor; write `fd:3`".to_owned());
    }
    match number.parse() {
        Ok(number) if number >= DESCRIPTOR_MIN => Ok(Bind::Descriptor(number)),
        Ok(_) => Err(format!(
            "is a standard stream; pass the socket as {DESCRIPTOR_MIN} or above, and write `fd:{DESCRIPTOR_MIN}`"
        )),
        Err(_) => Err("has a number that no descriptor has".to_owned()),
    }
}

fn systemd(name: &str) -> Result<Bind, String> {
    // What FileDescriptorName= of systemd.socket(5) takes.
    if name.is_empty() {
        Err("has no name; write `systemd` for every socket that is passed".to_owned())
    } else if name.len() > 255
        || !name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b':')
    {
        Err("has a name that no socket is passed with: up to 255 ASCII characters without colons"
            .to_owned())
    } else {
        Ok(Bind::Systemd(Some(name.to_owned())))
    }
}

fn ip(text: &str) -> Result<Bind, String> {
    let address: SocketAddr = text.parse().map_err(|_| fault(text))?;
    if let IpAddr::V6(ip) = address.ip()
        && let Some(ip) = ip.to_ipv4_mapped()
    {
        let plain = SocketAddr::new(ip.into(), address.port());
        return Err(format!("is an IPv4 address in IPv6 form; write `{plain}`"));
    }
    Ok(Bind::Address(address.into()))
}

/// What is wrong with `text`, and what to write instead.
fn fault(text: &str) -> String {
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        let example = SocketAddr::new(address, 8080);
        return format!("is an IP address without a port; write `{example}` for port 8080");
    }
    let (host, port) = match text.rsplit_once(':') {
        Some(parts) => parts,
        None if is_number(text) => ("", text),
        None if text.contains('/') || text.ends_with(".sock") => {
            return format!("is not an address; write `unix:{text}` for a unix socket");
        }
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

    fn check(text: &str, expected: Result<&str, &str>) {
        let context = Context { directory: "/start".into(), program: "demo".to_owned(), cores: 1 };
        let expected = match expected {
            Ok(bind) => Ok(bind.to_owned()),
            Err(fault) => Err(format!("{} {fault}", quoted(text))),
        };
        let actual = parse_bind(text, &context).map(|bind| bind.to_string());
        assert_eq!(actual, expected, "{text}");
    }

    #[test]
    fn ip_addresses() {
        for (text, expected) in [
            ("127.0.0.1:8080", Ok("127.0.0.1:8080")),
            ("0.0.0.0:0", Ok("0.0.0.0:0")),
            ("[::]:80", Ok("[::]:80")),
            ("[0:0::1]:80", Ok("[::1]:80")),
            ("[::ffff:127.0.0.1]:80", Err("is an IPv4 address in IPv6 form; write `127.0.0.1:80`")),
            (
                "localhost:80",
                Err("is a name, not an IP address; write `127.0.0.1:80` or `[::1]:80`"),
            ),
            (
                "example.org:80",
                Err("is a name, and names are not looked up; write the IP address: `IP:80`"),
            ),
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
            check(text, expected);
        }
        for text in [":8080", "8080", "*:8080"] {
            let fault = ip(text).expect_err(text);
            assert!(fault.contains("write `0.0.0.0:8080` for every IPv4 interface"), "{fault}");
        }
    }

    #[test]
    fn unix_sockets() {
        for (text, expected) in [
            ("unix:/run/a.sock", Ok("unix:/run/a.sock")),
            ("/run/a.sock", Ok("unix:/run/a.sock")),
            ("/run//./a.sock", Ok("unix:/run/a.sock")),
            ("./a.sock", Ok("unix:/start/a.sock")),
            ("unix:a.sock", Ok("unix:/start/a.sock")),
            ("../a.sock", Ok("unix:/start/../a.sock")),
            ("unix:./@a", Ok("unix:/start/@a")),
            ("@app", Ok("@app")),
            ("a.sock", Err("is not an address; write `unix:a.sock` for a unix socket")),
            ("run/app", Err("is not an address; write `unix:run/app` for a unix socket")),
            ("unix:", Err("has no file name; write `unix:/run/app.sock`")),
            ("/run/", Err("has no file name; write `unix:/run/app.sock`")),
            ("/run/..", Err("is a directory; write `unix:/run/app.sock`")),
            ("unix:///run/a.sock", Err("is no URL; write `unix:/run/a.sock`")),
            ("unix:@app", Err("is a name, not a path; write `@app`, or `./@app` for a file")),
            ("unix:a\0", Err("has a NUL in its path")),
            ("@", Err("has no name; write `@app`")),
            (
                "@a\"b",
                Err("has a name with quotes, backslashes or invisible characters; leave them out"),
            ),
        ] {
            check(text, expected);
        }
        let longest = format!("/{}", "x".repeat(SOCKET_PATH_MAX - 1));
        check(&longest, Ok(&format!("unix:{longest}")));
        let fault = "has a path of 108 bytes from the root on; at most 107 are possible";
        check(&format!("{longest}x"), Err(fault));
        let fault = "has 108 bytes after the `@`; at most 107 are possible";
        check(&format!("@{}", "x".repeat(108)), Err(fault));
    }

    #[test]
    fn inherited_sockets() {
        let name =
            "has a name that no socket is passed with: up to 255 ASCII characters without colons";
        for (text, expected) in [
            ("fd:3", Ok("fd:3")),
            ("fd:", Err("has no number of a descriptor; write `fd:3`")),
            ("fd:-3", Err("has no number of a descriptor; write `fd:3`")),
            ("fd:2", Err("is a standard stream; pass the socket as 3 or above, and write `fd:3`")),
            ("fd:99999999999", Err("has a number that no descriptor has")),
            ("systemd", Ok("systemd")),
            ("systemd:web", Ok("systemd:web")),
            ("systemd:", Err("has no name; write `systemd` for every socket that is passed")),
            ("systemd:a:b", Err(name)),
            ("systemd:ä", Err(name)),
        ] {
            check(text, expected);
        }
    }
}
