use runner::master;

#[master]
struct App {
    name: String,
}
