//! Memory that all workers share: loaded once, in the master, before the first fork.

// ANCHOR: preload
use runner::prelude::*;
use std::collections::BTreeSet;
use std::sync::OnceLock;

static WORDS: OnceLock<BTreeSet<&str>> = OnceLock::new();

struct Dictionary;

#[master]
impl Dictionary {
    fn preload(&self) {
        WORDS.get_or_init(|| include_str!("preload.rs").split_whitespace().collect());
    }
}

#[derive(Default)]
struct Spelling;

#[server(http, bind = "127.0.0.1:8080", workers = 4)]
impl Spelling {
    async fn request(&self, request: Request) -> &'static str {
        let word = request.uri().path().trim_start_matches('/');
        let known = WORDS.get().is_some_and(|words| words.contains(word));
        if known { "a word\n" } else { "not a word\n" }
    }
}
// ANCHOR_END: preload
