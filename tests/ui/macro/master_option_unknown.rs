use runner::master;

#[master(pidfile = "app.pid", grace = "5s", workers = 3)]
struct App;
