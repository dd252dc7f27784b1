//! Arguments are chosen by their types, and answers are whatever can become a response.

use runner::Address;
use runner::http::{IntoResponse, Method, Response, StatusCode, Uri};
use runner::prelude::*;

#[derive(Default)]
struct Api;

// ANCHOR: server
#[server(http, bind = "127.0.0.1:9505")]
impl Api {
    async fn request(
        &self,
        method: Method,
        uri: Uri,
        peer: Address,
        worker: &Worker,
        body: String,
    ) -> Result<Response> {
        Ok(match (method, uri.path()) {
            (Method::GET, "/who") => {
                format!("you are {peer}, I am worker {}\n", worker.slot()).into_response()
            }
            (Method::POST, "/sum") => format!("{}\n", sum(&body)?).into_response(),
            _ => (StatusCode::NOT_FOUND, "no such page\n").into_response(),
        })
    }

    async fn error(&self, error: &Error) {
        println!("a request failed: {error}");
    }
}
// ANCHOR_END: server

/// Adds the numbers of a text, one a line.
fn sum(text: &str) -> Result<i64> {
    let mut sum = 0_i64;
    for line in text.lines() {
        let number: i64 = line.trim().parse()?;
        sum = sum.checked_add(number).ok_or_else(|| Error::msg("the sum is too large"))?;
    }
    Ok(sum)
}

// ANCHOR: tests
#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn numbers_are_added() {
        assert_eq!(sum("1\n2\n").unwrap(), 3);
        assert!(sum("1\ntwo\n").is_err());
    }
}
// ANCHOR_END: tests
