#[server(http, bind = "0.0.0.0:9501", workers = 10, user = "bp")]
impl Hello {
    async fn request(&self, _request: Request) -> &'static str {
        "Hi Http client.\n"
    }
}
