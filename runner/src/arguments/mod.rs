//! Where the arguments of handlers come from: each is chosen by its type.
//!
//! Generated code is the only user. Every event has a struct with what it carries and a trait for
//! the types that can be taken from it, so that the compiler can say which types those are.

pub mod http;
mod incoming;
pub mod lifecycle;
pub mod master;
mod output;
pub mod tcp;

pub use output::{constructed, default_handler, finished, responded, sent, service};

/// An event, and the trait of the types that a handler of it can take.
macro_rules! event {
    (
        $(#[$doc:meta])*
        pub struct $event:ident<$life:lifetime> { $($field:ident: $field_type:ty),* $(,)? }
        pub trait $from:ident: $message:literal, $note:literal;
        $($argument:ty => |$source:ident| $value:expr;)*
    ) => {
        $(#[$doc])*
        pub struct $event<$life> {
            $(
                #[doc = concat!("The event's `", stringify!($field), "`.")]
                pub $field: $field_type
            ),*
        }

        #[doc = concat!("A type that can be taken from [`", stringify!($event), "`].")]
        #[diagnostic::on_unimplemented(
            message = $message,
            label = "not an argument of this event",
            note = $note
        )]
        pub trait $from<$life>: Sized {
            /// Takes the value from the event.
            fn take(event: &mut $event<$life>) -> Self;
        }

        $(
            #[diagnostic::do_not_recommend]
            impl<$life> $from<$life> for $argument {
                fn take($source: &mut $event<$life>) -> Self {
                    $value
                }
            }
        )*
    };
}
use event;
