use runner::master;

#[master]
fn app() {}
