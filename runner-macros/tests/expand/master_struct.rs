#[master(
    servers(api::Api, Echo, Third),
    include(handlers, more_handlers),
    pid_file = "/run/app.pid",
    umask = 0o027,
    term = "graceful",
    spawn = "fork",
    daemonize = true,
)]
struct App;
