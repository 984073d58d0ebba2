//! The MMU against the manual, against hand-made situations and against a naive model.

mod access;
mod check;
mod code_marks;
mod fenced;
mod fences;
mod model;
mod order;
mod reference;
mod sleep;
mod supervisor;
mod walk;
mod world;
