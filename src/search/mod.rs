//! From a query to hits: [`options`] says what is wanted, [`retrieve`] asks postings and vectors of one [`snapshot`],
//! and [`fusion`] merges the two rankings; [`feedback`] rewrites the question by its first answers, [`context`] chooses
//! what a language model reads. Texts are fetched and hits reranked by the engine, which alone can wait for the store and for models.

pub mod context;
pub mod feedback;
pub mod fusion;
pub mod options;
pub mod retrieve;
pub mod snapshot;
