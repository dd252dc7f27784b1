#[server(http, bind = "127.0.0.1:0")]
impl Api<Db> {
    async fn worker_start(worker: &Worker) -> Result<Self> {
        Ok(Self(Db::open(worker).await?))
    }

    async fn request(&self, body: Bytes, method: Method, conn: &http::Conn) -> Result<String> {
        Ok(String::new())
    }

    async fn connect(&self) {}

    async fn error(&self, error: &Error, conn: &http::Conn) {}

    async fn connect_full(&self) -> StatusCode {
        StatusCode::TOO_MANY_REQUESTS
    }

    async fn worker_stop(&self, worker: &Worker) {}
}
