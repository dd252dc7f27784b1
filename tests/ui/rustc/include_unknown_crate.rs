use runner::master;

#[master(include(handlers))]
struct App;
