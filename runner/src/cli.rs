//! The command line of every program.

use crate::config::Override;
use clap::builder::PathBufValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// The name that the program was called by, without its directory.
    pub(crate) program: String,
    pub(crate) verb: Verb,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) overrides: Vec<Override>,
}

/// What a program can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Run,
    Start,
    Stop { now: bool },
    Reload,
    Restart,
    Status,
    ConfigShow,
    ConfigCheck,
}

const OVERRIDES: &str = "\
Every option of the configuration can be given here too, and overrides the others:
      --master.OPTION=VALUE       such as --master.pid_file=app.pid
      --server.NAME.OPTION=VALUE  such as --server.echo.workers=4
`config show` lists the options, their values, and where each comes from.";

/// Reads the command line, the name of the program first.
///
/// An error is to be printed with [`clap::Error::exit`], which also serves `--help`.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, clap::Error> {
    let mut args = args.into_iter();
    let program = program_name(args.next());
    let mut command = command(&program);
    let (overrides, rest) = extract_overrides(args, &mut command)?;
    let matches = command.try_get_matches_from_mut(rest)?;
    let verb =
        verb(&matches).ok_or_else(|| command.error(ErrorKind::InvalidSubcommand, "no verb"))?;
    Ok(Invocation {
        program,
        verb,
        config_file: matches.get_one::<PathBuf>("config").cloned(),
        overrides,
    })
}

fn program_name(arg: Option<OsString>) -> String {
    let arg = arg.unwrap_or_default();
    let name = Path::new(&arg).file_name().unwrap_or_default();
    let name = name.to_string_lossy().replace(char::is_control, "");
    if name.trim().is_empty() {
        "runner".to_owned()
    } else {
        name
    }
}

fn command(program: &str) -> Command {
    Command::new(program.to_owned())
        .no_binary_name(true)
        .disable_help_subcommand(true)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .help("Read this configuration instead of runner.toml")
                .value_parser(PathBufValueParser::new())
                .global(true),
        )
        .after_help(OVERRIDES)
        .subcommands([
            Command::new("run").about("Run in the foreground (the default)"),
            Command::new("start")
                .about("Run in the background; returns when every server is ready, or fails"),
            Command::new("stop")
                .about("Finish what is in flight, then stop")
                .arg(
                    Arg::new("now")
                        .long("now")
                        .help("Stop at once")
                        .action(ArgAction::SetTrue),
                ),
            Command::new("reload").about("Replace every worker; each finishes what is in flight"),
            Command::new("restart").about("Replace every worker at once"),
            Command::new("status").about("Say whether the program runs"),
            Command::new("config")
                .about("Look at the configuration")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommands([
                    Command::new("show")
                        .about("Print every option, its value, and where it comes from"),
                    Command::new("check").about("Say what is wrong with the configuration"),
                ]),
        ])
}

fn verb(matches: &ArgMatches) -> Option<Verb> {
    Some(match matches.subcommand() {
        None | Some(("run", _)) => Verb::Run,
        Some(("start", _)) => Verb::Start,
        Some(("stop", stop)) => Verb::Stop {
            now: stop.get_flag("now"),
        },
        Some(("reload", _)) => Verb::Reload,
        Some(("restart", _)) => Verb::Restart,
        Some(("status", _)) => Verb::Status,
        Some(("config", config)) => match config.subcommand_name()? {
            "show" => Verb::ConfigShow,
            _ => Verb::ConfigCheck,
        },
        Some(_) => return None,
    })
}

/// Takes the `--server.…` and `--master.…` out of the arguments: which there are, clap cannot know.
fn extract_overrides(
    args: impl Iterator<Item = OsString>,
    command: &mut Command,
) -> Result<(Vec<Override>, Vec<OsString>), clap::Error> {
    let mut overrides = Vec::new();
    let mut rest = Vec::new();
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let bytes = arg.as_bytes();
        if bytes == b"--" {
            rest.push(arg);
            break;
        }
        if !bytes.starts_with(b"--server.") && !bytes.starts_with(b"--master.") {
            rest.push(arg);
            continue;
        }
        let (name, value) = match bytes.iter().position(|byte| *byte == b'=') {
            Some(equals) => {
                let value = OsStr::from_bytes(&bytes[equals + 1..]).to_owned();
                (&bytes[..equals], Some(value))
            }
            None => (
                bytes,
                args.next_if(|next| !next.as_bytes().starts_with(b"-")),
            ),
        };
        let name = String::from_utf8_lossy(name).into_owned();
        let Some(value) = value else {
            let message = format!("no value for '{name}'; write '{name}=VALUE'");
            return Err(command.error(ErrorKind::InvalidValue, message));
        };
        overrides.push(Override { name, value });
    }
    rest.extend(args);
    Ok((overrides, rest))
}
