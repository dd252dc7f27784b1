//! A worker with an address space of its own: the program is executed again, and what was to be the
//! worker is handed over to it.

use super::process::fail;
use super::seed::{Kit, Orders, Seed};
use crate::error::Error;
use crate::listener::Listener;
use crate::os::hand_over::{self, HandedOver};
use crate::os::image::Image;
use crate::os::stdio::Stdio;
use crate::os::title::Title;
use crate::os::{environment, inherited, notify};
use crate::scoreboard::Row;
use crate::server::Serve;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

/// What the program is executed for.
pub(crate) const ERRAND: &str = "worker";

/// A worker on its way through an exec, its descriptors by their numbers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parcel {
    /// The how-manieth server of the program.
    server: usize,
    orders: Orders,
    /// Each with whether it is shared.
    listeners: Vec<(RawFd, bool)>,
    channel: RawFd,
    row: RawFd,
    stdin: Option<RawFd>,
    stdout: Option<RawFd>,
    stderr: Option<RawFd>,
}

/// Becomes the program anew, and in it this worker. Returns, with an exit code, only if that fails.
pub(crate) fn execute(seed: Seed, server: usize, image: &Image) -> u8 {
    let Seed { orders, kit, .. } = seed;
    let error = match hand_over(orders, server, &kit) {
        Ok(parcel) => image.execute(ERRAND, parcel),
        Err(error) => error,
    };
    fail(&kit.channel, &Error::msg(format!("cannot execute the program again: {error}")))
}

/// Returns the number of the descriptor from which the next image learns everything.
fn hand_over(orders: Orders, server: usize, kit: &Kit) -> io::Result<RawFd> {
    environment::forget(&[notify::VARIABLES, inherited::VARIABLES].concat())?;
    let keep = |file: &Option<File>| file.as_ref().map(hand_over::keep).transpose();
    let parcel = Parcel {
        server,
        orders,
        listeners: kit
            .listeners
            .iter()
            .map(|listener| Ok((hand_over::keep(listener)?, listener.is_shared())))
            .collect::<io::Result<_>>()?,
        channel: hand_over::keep(&kit.channel)?,
        row: hand_over::keep(&kit.row)?,
        stdin: keep(&kit.stdio.stdin)?,
        stdout: keep(&kit.stdio.stdout)?,
        stderr: keep(&kit.stdio.stderr)?,
    };
    let text = serde_json::to_string(&parcel).map_err(io::Error::other)?;
    let (file, number) = hand_over::write(&text)?;
    // It is to stay open for the next image.
    std::mem::forget(file);
    Ok(number)
}

/// The worker that this process is to be; `server` finds its server.
pub(crate) fn receive(
    mut handed_over: HandedOver,
    server: impl FnOnce(usize) -> Option<Arc<dyn Serve>>,
) -> io::Result<Seed> {
    let parcel: Parcel = serde_json::from_str(handed_over.text())?;
    let mut take = |number| handed_over.take(number);
    let kit = Kit {
        listeners: parcel
            .listeners
            .into_iter()
            .map(|(number, shared)| Ok(Listener::new(take(number)?.into(), shared)))
            .collect::<io::Result<_>>()?,
        channel: take(parcel.channel)?.into(),
        row: Row::adopt(take(parcel.row)?)?,
        stdio: Stdio {
            stdin: parcel.stdin.map(&mut take).transpose()?.map(File::from),
            stdout: parcel.stdout.map(&mut take).transpose()?.map(File::from),
            stderr: parcel.stderr.map(&mut take).transpose()?.map(File::from),
        },
    };
    let serve = server(parcel.server)
        .ok_or_else(|| io::Error::other("the program has other servers than its master"))?;
    Ok(Seed { orders: parcel.orders, kit, serve, title: Title::prepare() })
}

/// Reads a text as that of a worker, and gives it as it would be written.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_parcel(text: &str) -> Result<String, String> {
    let parcel: Parcel = serde_json::from_str(text).map_err(|error| error.to_string())?;
    serde_json::to_string(&parcel).map_err(|error| error.to_string())
}
