//! A project of its own would have its code here.
