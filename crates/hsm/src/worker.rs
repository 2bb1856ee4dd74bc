//! The worker: a process that talks to one token, and to nobody but the process that started it.
//!
//! It reads orders from its standard input and answers on its standard output, ends with its
//! input, and keeps nothing. What it is told first is the module, the token and the PIN.

use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::token::{Desk, Token};
use crate::wire::{self, Answer, Failure, Order, Reply, Request, Secret};

/// Threads that use keys, each with a session.
const DESKS: usize = 4;

/// Serves orders until the input ends.
pub fn run() {
    let mut input = io::stdin().lock();
    let Some(Request { id, order: Order::Open { module, label, pin } }) = receive(&mut input) else { return };
    match open(&module, &label, &pin) {
        Err(failure) => reply(id, Err(failure)),
        Ok((_token, first, desks)) => {
            // Threads may hang inside a module: they are not waited for, the process just ends.
            let (keys, uses) = start(first, desks);
            reply(id, Ok(Answer::Done));
            while let Some(request) = receive(&mut input) {
                let queue = if concerns_transfer(&request.order) { &keys } else { &uses };
                if queue.send(request).is_err() {
                    return;
                }
            }
        }
    }
}

fn open(module: &str, label: &str, pin: &Secret) -> Result<(Token, Desk, Vec<Desk>), Failure> {
    let token = Token::open(module, label, &pin.0)?;
    let mut first = token.desk()?;
    first.check(true)?;
    let desks = (0..DESKS).map(|_| token.desk()).collect::<Result<_, _>>()?;
    Ok((token, first, desks))
}

/// Orders that need the session of the transfer key.
fn concerns_transfer(order: &Order) -> bool {
    matches!(order, Order::Transfer | Order::Make { .. } | Order::Keep { .. })
}

fn start(first: Desk, desks: Vec<Desk>) -> (Sender<Request>, Sender<Request>) {
    let (keys, orders) = channel();
    std::thread::spawn(move || work(first, &Mutex::new(orders)));
    let (uses, orders) = channel();
    let orders: Arc<Mutex<Receiver<Request>>> = Arc::new(Mutex::new(orders));
    for desk in desks {
        let orders = orders.clone();
        std::thread::spawn(move || work(desk, &orders));
    }
    (keys, uses)
}

fn next(orders: &Mutex<Receiver<Request>>) -> Option<Request> {
    orders.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn work(mut desk: Desk, orders: &Mutex<Receiver<Request>>) {
    while let Some(Request { id, order }) = next(orders) {
        reply(id, perform(&mut desk, order));
    }
}

fn perform(desk: &mut Desk, order: Order) -> Result<Answer, Failure> {
    match order {
        Order::Open { .. } => Err(Failure::Away("the token is open already".to_owned())),
        Order::Check => desk.check(false).map(|()| Answer::Done),
        Order::Transfer => desk.transfer().map(Answer::Transfer),
        Order::Make { receivers } => {
            desk.make(&receivers).map(|all| Answer::Wrapped(all.into_iter().map(Into::into).collect()))
        }
        Order::Keep { name, wrapped } => desk.keep(&name, &wrapped).map(|()| Answer::Done),
        Order::Has { name } => desk.has(&name).map(|()| Answer::Done),
        Order::Destroy { name } => desk.destroy(&name).map(|()| Answer::Done),
        Order::Encrypt { name, plaintext, aad } => desk.encrypt(&name, &plaintext.0, &aad).map(bytes),
        Order::Decrypt { name, ciphertext, aad } => {
            desk.decrypt(&name, &ciphertext, &aad).map(|opened| Answer::Bytes(Secret(opened)))
        }
        Order::Random { size } => desk.random(size).map(bytes),
    }
}

fn bytes(bytes: Vec<u8>) -> Answer {
    Answer::Bytes(Secret(Zeroizing::new(bytes)))
}

fn receive(input: &mut impl io::Read) -> Option<Request> {
    let mut header = [0; 4];
    input.read_exact(&mut header).ok()?;
    let mut body = Zeroizing::new(vec![0; wire::announced(header)?]);
    input.read_exact(&mut body).ok()?;
    wire::parse(&body)
}

fn reply(id: u64, outcome: Result<Answer, Failure>) {
    let framed = wire::frame(&Reply { id, outcome });
    let mut output = io::stdout().lock();
    // Nobody to answer means nobody to work for: the input ends too.
    let _ = output.write_all(&framed).and_then(|()| output.flush());
}
