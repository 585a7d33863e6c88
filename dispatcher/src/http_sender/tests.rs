mod answers;
mod connections;
mod hostile;
mod peer;
mod requests;
