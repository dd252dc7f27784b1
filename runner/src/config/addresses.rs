//! What the addresses of all servers have to do with each other, and with the options of sockets.

use super::options::ServerSettings;
use super::{ConfigErrors, ServerConfig};
use crate::spec::Bind;

/// No socket can be had twice: two on one address would each get a part of its connections.
pub(super) fn check_addresses(servers: &[ServerConfig], errors: &mut ConfigErrors) {
    let mut claims: Vec<(&ServerConfig, &Bind)> = Vec::new();
    for server in servers {
        let settings = &server.settings;
        for bind in &settings.bind.value {
            let v6only = settings.v6only.value;
            let other = claims.iter().find(|(owner, claimed)| {
                claimed.overlaps(owner.settings.v6only.value, bind, v6only)
            });
            if let Some((owner, claimed)) = other {
                let message = meet(bind, claimed, server, owner);
                let origin = settings.bind.origin.clone();
                errors.push(format!("server.{}.bind", server.key), message, Some(origin));
            }
            claims.push((server, bind));
        }
    }
}

fn meet(bind: &Bind, claimed: &Bind, server: &ServerConfig, owner: &ServerConfig) -> String {
    if server.key == owner.key {
        return format!("`{bind}` and `{claimed}` cannot both be had; leave one of them out");
    }
    let clause = owner.settings.bind.origin.clause();
    if bind == claimed {
        format!("`{bind}` is bound by `server.{}` too, {clause}", owner.key)
    } else {
        format!("`{bind}` cannot be had beside `{claimed}` of `server.{}`, {clause}", owner.key)
    }
}

/// An option that no address is concerned by is a mistake, unless the addresses have come from a
/// layer above it: who overrides them is free to choose others.
pub(super) fn check_socket_options(
    key: &str,
    settings: &ServerSettings,
    errors: &mut ConfigErrors,
) {
    let bind = &settings.bind;
    let unix = ("a unix socket", Bind::is_unix as fn(&Bind) -> bool);
    let ipv6 = ("an IPv6 address", Bind::is_ipv6 as fn(&Bind) -> bool);
    for (option, (needed, is_concerned)) in
        [("v6only", ipv6), ("mode", unix), ("owner", unix), ("group_owner", unix)]
    {
        let given = settings.origin(option).filter(|origin| !origin.is_below(&bind.origin));
        let is_default = option == "v6only" && settings.v6only.value;
        if let Some(origin) = given
            && !is_default
            && !bind.value.iter().any(is_concerned)
        {
            let clause = bind.origin.clause();
            let message = format!("has no effect without {needed}, and `bind` has none, {clause}");
            errors.push(format!("server.{key}.{option}"), message, Some(origin.clone()));
        }
    }
}
