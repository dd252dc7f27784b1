use runner::master;

#[master(umask = 27, daemonize = "true", term = "gracefully", pid_file = 3, servers = 3, include("a"))]
struct App;
