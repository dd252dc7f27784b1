//! What the attributes expand to, and what they say: `expand/NAME.rs` is the input, the snapshot
//! beside it the output. Errors are printed as `line:column message`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::fs;
use std::path::Path;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Meta, visit::Visit};

/// Expands `tests/expand/NAME.rs`, a file of one item with one attribute.
fn expand(name: &str) -> TokenStream {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/expand/{name}.rs"));
    let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    expand_source(&source)
}

fn expand_source(source: &str) -> TokenStream {
    let parser = |input: ParseStream<'_>| {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let attribute = attributes.remove(0);
        let item: TokenStream = input.parse()?;
        let arguments = match &attribute.meta {
            Meta::List(list) => list.tokens.clone(),
            _ => TokenStream::new(),
        };
        Ok(if attribute.path().is_ident("server") {
            crate::expand_server(arguments, &item)
        } else {
            crate::expand_master(arguments, &item)
        })
    };
    parser.parse_str(source).unwrap_or_else(|error| panic!("{error}"))
}

fn check(name: &str) {
    let file = syn::parse2(expand(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let settings = settings();
    settings.bind(|| insta::assert_snapshot!(name, prettyplease::unparse(&file)));
}

fn check_errors(name: &str) {
    let mut lines = Vec::new();
    collect_errors(expand(name), &mut lines);
    let settings = settings();
    settings.bind(|| insta::assert_snapshot!(name, lines.join("\n")));
}

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../tests/expand");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// Every `compile_error! { "…" }`, with the place of its first token.
fn collect_errors(tokens: TokenStream, lines: &mut Vec<String>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for window in tokens.windows(3) {
        if let [TokenTree::Ident(name), _, TokenTree::Group(body)] = window
            && name == "compile_error"
        {
            let start = name.span().start();
            let message: syn::LitStr = syn::parse2(body.stream()).expect("one literal");
            lines.push(format!("{}:{} {}", start.line, start.column + 1, message.value()));
        }
    }
    for token in tokens {
        if let TokenTree::Group(group) = token
            && group.delimiter() != Delimiter::None
        {
            collect_errors(group.stream(), lines);
        }
    }
}

#[test]
fn http() {
    check("http");
}

#[test]
fn http_arguments() {
    check("http_arguments");
}

#[test]
fn http_service() {
    check("http_service");
}

#[test]
fn tcp() {
    check("tcp");
}

#[test]
fn server_options() {
    check("server_options");
}

#[test]
fn supervision() {
    check("supervision");
}

#[test]
fn conditional() {
    check("conditional");
}

#[test]
fn rejected() {
    check("rejected");
}

#[test]
fn master_struct() {
    check("master_struct");
}

#[test]
fn master_impl() {
    check("master_impl");
}

#[test]
fn errors_of_arguments() {
    check_errors("errors_of_arguments");
}

#[test]
fn errors_of_supervision() {
    check_errors("errors_of_supervision");
}

#[test]
fn errors_of_handlers() {
    check_errors("errors_of_handlers");
}

#[test]
fn errors_of_a_master() {
    check_errors("errors_of_a_master");
}

/// Under another name for the framework, nothing refers to it by its own.
#[test]
fn a_renamed_crate_leaves_no_trace() {
    struct Banned(Vec<String>);
    impl<'ast> Visit<'ast> for Banned {
        fn visit_ident(&mut self, ident: &'ast syn::Ident) {
            if ident == "runner" {
                self.0.push(format!("{:?}", ident.span().start()));
            }
        }
    }
    for name in ["renamed_server", "renamed_master", "renamed_rejected"] {
        let tokens = expand(name);
        let mut banned = Banned(Vec::new());
        banned.visit_file(&syn::parse2(tokens.clone()).expect("a file"));
        assert_eq!(banned.0, Vec::<String>::new(), "{name}");
        // attributes are tokens to the visitor
        assert!(!tokens.to_string().split(' ').any(|word| word == "runner"), "{tokens}");
        assert!(tokens.to_string().contains("rn :: __private"), "{tokens}");
    }
}

/// The editor sends what is being typed; it needs the item and its expansion back.
#[test]
fn a_half_typed_handler_survives() {
    let check = |body: &str| {
        let source = format!(
            "#[server(http, bind = \"127.0.0.1:0\")] impl Api {{ async fn request(&self) {{ {body} }} }}"
        );
        let expanded = expand_source(&source).to_string();
        let body: TokenStream = body.parse().expect("tokens");
        assert!(expanded.contains(&body.to_string()), "{expanded}");
        assert!(expanded.contains("http :: Handler for Api"), "{expanded}");
        assert!(!expanded.contains("compile_error"), "{expanded}");
    };
    check("self.");
    check("let x = ; x.await?.");
    check("if self { match }");
}

/// A signature that cannot be read costs its own handler only.
#[test]
fn a_half_typed_signature_is_one_error() {
    let source = "#[server(tcp, bind = \"127.0.0.1:0\")]\nimpl Echo {\n\
                  async fn receive(&self, data: ) {}\nasync fn recieve(&self) {}\n}";
    let mut lines = Vec::new();
    let expanded = expand_source(source);
    assert!(expanded.to_string().contains("async fn receive (& self , data :) { }"), "{expanded}");
    collect_errors(expanded, &mut lines);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("3:"), "{lines:?}");
    assert!(lines[1].starts_with("4:10 `recieve` is not an event"), "{lines:?}");
}

/// The error that names the missing event keeps quiet when the event is there, mistyped.
#[test]
fn one_mistake_is_one_error() {
    let check = |source: &str| {
        let mut lines = Vec::new();
        collect_errors(expand_source(source), &mut lines);
        assert_eq!(lines.len(), 1, "{source}\n{lines:?}");
    };
    check("#[server(tcp, bind = \"127.0.0.1:0\")] impl E { async fn recieve(&self) {} }");
    check("#[server(tcp, bnd = \"127.0.0.1:0\")] impl E { async fn receive(&self) {} }");
    check("#[server(tcp bind = \"127.0.0.1:0\")] impl E { async fn receive(&self) {} }");
    check("#[server(tpc, bind = \"127.0.0.1:0\")] impl E { async fn receive(&self) {} }");
    check("#[server(tcp, bind = )] impl E { async fn receive(&self) {} }");
    check("#[server(tcp, bind = \"x\")] impl E { async fn receive(&self) {} }");
    check("#[server(tcp, bind = \"127.0.0.1:0\")] impl E { async fn receive(data: Bytes) {} }");
    check("#[server(tcp, bind = \"127.0.0.1:0\")] struct E;");
    check("#[master(servers(A, A))] struct App;");
}
