//! The command line of every program.

use crate::config::Override;
use crate::supervisor::Scale;
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Run,
    Start,
    /// Something with the program that runs already.
    Control(Control),
    ConfigShow,
    ConfigCheck,
}

/// What can be done with a running program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Stop { now: bool },
    Reload,
    Reconfigure,
    Restart,
    Scale { server: String, to: Scale },
    Reopen,
    Upgrade,
    Status { json: bool, watch: bool },
    Why { json: bool },
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
    if name.trim().is_empty() { "runner".to_owned() } else { name }
}

fn command(program: &str) -> Command {
    Command::new(program.to_owned())
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
                .arg(Arg::new("now").long("now").help("Stop at once").action(ArgAction::SetTrue)),
            Command::new("reload").about(
                "Read the configuration again and replace every worker; \
                 each finishes what is in flight",
            ),
            Command::new("reconfigure")
                .about("Read the configuration again and replace only the workers for which it has changed"),
            Command::new("restart")
                .about("Read the configuration again and replace every worker at once"),
            Command::new("upgrade").about(
                "Change over to a new version of the program; returns when every worker is of it",
            ),
            Command::new("scale")
                .about("Have another number of workers; returns when they serve, or are gone")
                .arg(Arg::new("server").value_name("SERVER").required(true).help("Its name"))
                .arg(
                    Arg::new("to")
                        .value_name("WORKERS")
                        .required(true)
                        .allow_negative_numbers(true)
                        .value_parser(scale)
                        .help("A number of workers, or a change of it such as +1 or -1"),
                ),
            Command::new("reopen").about("Reopen the log files, after they were moved away"),
            Command::new("status").about("Show the servers and their workers").arg(json()).arg(
                Arg::new("watch")
                    .long("watch")
                    .help("Show them again every second, until interrupted")
                    .action(ArgAction::SetTrue),
            ),
            Command::new("why").about("Show how the last workers ended").arg(json()),
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

fn json() -> Arg {
    Arg::new("json").long("json").help("Print a line of JSON").action(ArgAction::SetTrue)
}

/// Reads a number of workers: `4`, `+1`, `-1`.
fn scale(text: &str) -> Result<Scale, String> {
    let is_change = text.starts_with(['+', '-']);
    let scale = if is_change { text.parse().map(Scale::By) } else { text.parse().map(Scale::To) };
    scale.map_err(|_| "expected a number such as 4, or a change such as +1 or -1".to_owned())
}

fn verb(matches: &ArgMatches) -> Option<Verb> {
    Some(match matches.subcommand() {
        None | Some(("run", _)) => Verb::Run,
        Some(("start", _)) => Verb::Start,
        Some(("config", config)) => match config.subcommand_name()? {
            "show" => Verb::ConfigShow,
            _ => Verb::ConfigCheck,
        },
        Some((verb, options)) => Verb::Control(control(verb, options)?),
    })
}

fn control(verb: &str, options: &ArgMatches) -> Option<Control> {
    Some(match verb {
        "stop" => Control::Stop { now: options.get_flag("now") },
        "reload" => Control::Reload,
        "reconfigure" => Control::Reconfigure,
        "restart" => Control::Restart,
        "scale" => Control::Scale {
            server: options.get_one::<String>("server")?.clone(),
            to: *options.get_one::<Scale>("to")?,
        },
        "reopen" => Control::Reopen,
        "upgrade" => Control::Upgrade,
        "status" => {
            Control::Status { json: options.get_flag("json"), watch: options.get_flag("watch") }
        }
        "why" => Control::Why { json: options.get_flag("json") },
        _ => return None,
    })
}

/// Takes the `--server.…` and `--master.…` out of the arguments, for clap cannot know which there are;
/// the rest is for clap, with the name of the program in front.
fn extract_overrides(
    args: impl Iterator<Item = OsString>,
    command: &mut Command,
) -> Result<(Vec<Override>, Vec<OsString>), clap::Error> {
    let mut overrides = Vec::new();
    let mut rest = vec![OsString::from(command.get_name())];
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
            None => (bytes, args.next_if(|next| !next.as_bytes().starts_with(b"--"))),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStringExt as _;

    fn parse_line(line: &str) -> Result<Invocation, clap::Error> {
        let args = std::iter::once("/opt/bin/demo").chain(line.split_whitespace());
        parse(args.map(OsString::from))
    }

    #[test]
    fn command_lines() {
        let stop = |now| Verb::Control(Control::Stop { now });
        let scale = |to| Verb::Control(Control::Scale { server: "web".to_owned(), to });
        let status = |json, watch| Verb::Control(Control::Status { json, watch });
        for (line, verb, config_file, overrides) in [
            ("", Verb::Run, None, ""),
            ("run", Verb::Run, None, ""),
            ("start", Verb::Start, None, ""),
            ("stop", stop(false), None, ""),
            ("stop --now", stop(true), None, ""),
            ("reload", Verb::Control(Control::Reload), None, ""),
            ("reconfigure", Verb::Control(Control::Reconfigure), None, ""),
            ("restart", Verb::Control(Control::Restart), None, ""),
            ("scale web 4", scale(Scale::To(4)), None, ""),
            ("scale web +2", scale(Scale::By(2)), None, ""),
            ("scale web -1", scale(Scale::By(-1)), None, ""),
            ("reopen", Verb::Control(Control::Reopen), None, ""),
            ("upgrade", Verb::Control(Control::Upgrade), None, ""),
            ("status", status(false, false), None, ""),
            ("status --json", status(true, false), None, ""),
            ("status --watch", status(false, true), None, ""),
            ("why", Verb::Control(Control::Why { json: false }), None, ""),
            ("why --json", Verb::Control(Control::Why { json: true }), None, ""),
            ("config show", Verb::ConfigShow, None, ""),
            ("config check", Verb::ConfigCheck, None, ""),
            ("--config a.toml", Verb::Run, Some("a.toml"), ""),
            ("--config=a.toml run", Verb::Run, Some("a.toml"), ""),
            ("config show --config a.toml", Verb::ConfigShow, Some("a.toml"), ""),
            ("--server.echo.workers=4", Verb::Run, None, "--server.echo.workers=4"),
            (
                "run --server.echo.workers 4 --master.umask=027",
                Verb::Run,
                None,
                "--server.echo.workers=4 --master.umask=027",
            ),
            ("--server.echo.workers 4 stop --now", stop(true), None, "--server.echo.workers=4"),
            ("--master.umask -1", Verb::Run, None, "--master.umask=-1"),
            ("--master.name=a=b", Verb::Run, None, "--master.name=a=b"),
            ("--master.name=", Verb::Run, None, "--master.name="),
        ] {
            let actual = parse_line(line).expect(line);
            let given: Vec<String> = actual
                .overrides
                .iter()
                .map(|Override { name, value }| format!("{name}={}", value.display()))
                .collect();
            assert_eq!(actual.program, "demo");
            assert_eq!(actual.verb, verb, "{line}");
            assert_eq!(actual.config_file, config_file.map(PathBuf::from), "{line}");
            assert_eq!(given.join(" "), overrides, "{line}");
        }
    }

    #[test]
    fn command_lines_with_errors() {
        for (line, expected) in [
            ("strat", "error: unrecognized subcommand 'strat'"),
            ("reload --now", "error: unexpected argument '--now' found"),
            (
                "scale web many",
                "error: invalid value 'many' for '<WORKERS>': \
                 expected a number such as 4, or a change such as +1 or -1",
            ),
            (
                "scale web -0.5",
                "error: invalid value '-0.5' for '<WORKERS>': \
                 expected a number such as 4, or a change such as +1 or -1",
            ),
            ("--config", "error: a value is required for '--config <FILE>' but none was supplied"),
            ("--workers=4", "error: unexpected argument '--workers' found"),
            (
                "--server.echo.workers",
                "error: no value for '--server.echo.workers'; write '--server.echo.workers=VALUE'",
            ),
            (
                "--server.echo.workers --config a",
                "error: no value for '--server.echo.workers'; write '--server.echo.workers=VALUE'",
            ),
            ("--version", "error: unexpected argument '--version' found"),
            (
                "-- --server.echo.workers=4",
                "error: unrecognized subcommand '--server.echo.workers=4'",
            ),
        ] {
            let error = parse_line(line).expect_err(line);
            assert_eq!(error.to_string().lines().next(), Some(expected), "{line}");
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn help_texts() {
        let verbs = [
            "",
            "run",
            "start",
            "stop",
            "reload",
            "reconfigure",
            "restart",
            "scale",
            "reopen",
            "status",
            "why",
            "config",
            "config show",
            "config check",
        ];
        let mut pages = String::new();
        for verb in verbs {
            let help = parse_line(&format!("{verb} --help")).expect_err("help");
            assert_eq!(help.exit_code(), 0);
            pages.push_str(&format!("$ demo {verb} --help\n{help}\n"));
        }
        insta::assert_snapshot!(pages);
    }

    #[test]
    fn programs_have_names() {
        for (arg, name) in [
            (Some("/opt/bin/demo"), "demo"),
            (Some("demo"), "demo"),
            (Some("a\nb"), "ab"),
            (Some(""), "runner"),
            (Some("/"), "runner"),
            (None, "runner"),
        ] {
            assert_eq!(program_name(arg.map(OsString::from)), name);
        }
    }

    proptest! {
        #[test]
        fn no_command_line_can_cause_a_panic(args in prop::collection::vec(any::<Vec<u8>>(), 0..5)) {
            let _ = parse(args.clone().into_iter().map(OsString::from_vec));
            let overrides = args.into_iter().map(|arg| [b"--server.".to_vec(), arg].concat());
            let _ = parse(overrides.map(OsString::from_vec));
        }
    }
}
