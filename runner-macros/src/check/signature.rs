//! Rules of a handler's signature.

use crate::diag::Errors;
use crate::events::{Event, Role};
use crate::parse::Method;
use crate::parse::item::cfgs;
use syn::visit::{self, Visit};
use syn::{FnArg, ReceiverKind, ReturnType, Safety, Signature, Type};

/// An event of a server.
pub(super) fn event(event: &Event, method: &Method, errors: &mut Errors) {
    let signature = &method.signature;
    is_async(signature, errors);
    if matches!(event.role, Role::Constructor) {
        takes_no_self(signature, errors);
        returns_the_handler(event, signature, errors);
    } else {
        takes_shared_self(event, signature, errors);
    }
    if matches!(event.role, Role::Service) {
        returns_a_service(event, signature, errors);
    }
    if matches!(event.role, Role::Constructor | Role::Service) {
        is_unconditional(event, method, errors);
    }
    is_plain(event, signature, errors);
}

/// A hook of the master.
pub(super) fn hook(hook: &Event, method: &Method, errors: &mut Errors) {
    let signature = &method.signature;
    if let Some(token) = &signature.asyncness {
        let message = "master hooks are not async: the master has no runtime, so that it can \
                       fork safely";
        errors.push(token, message);
    }
    hook_takes_shared_self(hook, signature, errors);
    if matches!(hook.role, Role::Preload) {
        takes_no_arguments(hook, signature, errors);
    }
    is_plain(hook, signature, errors);
}

/// The types of the arguments after `self`.
pub(super) fn argument_types(signature: &Signature) -> impl Iterator<Item = &Type> {
    signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(&*argument.ty),
        FnArg::Receiver(_) => None,
    })
}

fn is_async(signature: &Signature, errors: &mut Errors) {
    if signature.asyncness.is_none() {
        let message = format!("event handlers are async: write `async fn {}`", signature.ident);
        errors.push(signature.fn_token, message);
    }
}

fn takes_no_self(signature: &Signature, errors: &mut Errors) {
    if let Some(receiver) = signature.receiver() {
        let message = format!(
            "a constructor takes no `self`\nhelp: `async fn {}(worker: &Worker) -> Self`",
            signature.ident
        );
        errors.push(receiver, message);
    }
}

fn takes_shared_self(event: &Event, signature: &Signature, errors: &mut Errors) {
    let Some(receiver) = signature.receiver() else {
        let message = format!(
            "`{}` needs `&self`\nnote: only `worker_start` may omit it\nhelp: `{}`",
            event.name, event.usage
        );
        errors.absorb(syn::Error::new(signature.paren_token.span.join(), message));
        return;
    };
    let message = match &receiver.kind {
        ReceiverKind::Reference(_, _, None) => return,
        ReceiverKind::Reference(_, _, Some(_)) => {
            "handlers run concurrently and take `&self`\nhelp: put the state in an atomic or a \
             `Mutex`"
        }
        _ => "handlers share one value and take `&self`",
    };
    errors.push(receiver, message);
}

fn hook_takes_shared_self(hook: &Event, signature: &Signature, errors: &mut Errors) {
    match signature.receiver() {
        None => {
            let message = format!("`{}` needs `&self`\nhelp: `{}`", hook.name, hook.usage);
            errors.absorb(syn::Error::new(signature.paren_token.span.join(), message));
        }
        Some(receiver) if !matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) => {
            let message = "hooks take `&self`\nhelp: put the state in an atomic or a `Mutex`";
            errors.push(receiver, message);
        }
        Some(_) => {}
    }
}

fn takes_no_arguments(hook: &Event, signature: &Signature, errors: &mut Errors) {
    for argument in argument_types(signature) {
        let message =
            format!("`{}` takes no arguments: nothing runs yet\nhelp: `{}`", hook.name, hook.usage);
        errors.push(argument, message);
    }
}

fn returns_the_handler(event: &Event, signature: &Signature, errors: &mut Errors) {
    if matches!(signature.output, ReturnType::Default) {
        let message = format!("a constructor returns the handler\nhelp: `{}`", event.usage);
        errors.push(&signature.ident, message);
    }
}

fn returns_a_service(event: &Event, signature: &Signature, errors: &mut Errors) {
    if matches!(signature.output, ReturnType::Default) {
        let message = format!("`service` returns a tower service\nhelp: `{}`", event.usage);
        errors.push(&signature.ident, message);
    }
}

fn is_unconditional(event: &Event, method: &Method, errors: &mut Errors) {
    for attribute in cfgs(&method.attributes) {
        let message = format!(
            "`{}` cannot be conditional\nhelp: put the `#[cfg]` on the whole impl, or into the body",
            event.name
        );
        errors.push(attribute, message);
    }
}

/// Nothing on the signature but `async`, `self` and arguments of known types.
fn is_plain(event: &Event, signature: &Signature, errors: &mut Errors) {
    let name = event.name;
    if let Some(token) = &signature.constness {
        errors.push(token, format!("`{name}` cannot be `const`"));
    }
    if let Safety::Unsafe(token) = &signature.safety {
        errors.push(token, format!("`{name}` cannot be `unsafe`: safe code calls it"));
    }
    if let Some(abi) = &signature.abi {
        errors.push(abi, format!("`{name}` cannot be `extern`: Rust code calls it"));
    }
    if signature.generics.type_params().next().is_some()
        || signature.generics.const_params().next().is_some()
    {
        let message = format!("`{name}` cannot be generic: nobody would choose its parameters");
        errors.push(&signature.generics.params, message);
    } else if signature.generics.lifetimes().next().is_some() {
        let message = format!("`{name}` cannot have lifetime parameters\nhelp: leave them out");
        errors.push(&signature.generics.params, message);
    }
    if let Some(clause) = &signature.generics.where_clause {
        errors.push(clause, format!("`{name}` cannot have a `where` clause"));
    }
    if let Some(variadic) = &signature.variadic {
        errors.push(variadic, format!("`{name}` cannot be variadic"));
    }
    for argument in argument_types(signature) {
        names_its_type(event, argument, errors);
    }
}

fn names_its_type(event: &Event, argument: &Type, errors: &mut Errors) {
    struct Unnamed(bool);
    impl Visit<'_> for Unnamed {
        fn visit_type(&mut self, inner: &Type) {
            self.0 |= matches!(inner, Type::ImplTrait(_));
            visit::visit_type(self, inner);
        }
    }
    let mut unnamed = Unnamed(false);
    unnamed.visit_type(argument);
    if unnamed.0 {
        let message = format!(
            "an argument of `{}` is chosen by its type: name one instead of `impl Trait`",
            event.name
        );
        errors.push(argument, message);
    }
}
