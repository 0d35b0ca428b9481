//! The event loop on sockets of the test: who is given up when it is full, and who is not.

use httpd::server::{CONNECTIONS, GRACE, IDLE, Server};
use httpd::site::Site;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use unilith_fakes::{OneThread, Waiting};
use unilith_net_api::{self as net, NetError, Ready, Shutdown, Socket};
use unilith_sched_api::WaitQueue;

unilith_platform::bind!(unilith_fakes::Platform);

struct Never;

impl Waiting for Never {
    fn block(_: u64) {
        panic!("there is nothing to do")
    }
}

unilith_sched_api::bind!(OneThread<Never>, []);

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const LAST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// Either a listener or a connection.
#[derive(Default)]
struct Fake {
    pending: Mutex<VecDeque<Arc<Fake>>>,
    received: Mutex<Vec<u8>>,
    sent: Mutex<Vec<u8>>,
    /// Bytes that can still be sent.
    room: Mutex<usize>,
    queue: WaitQueue,
}

impl Socket for Fake {
    fn bind(&self, _: SocketAddr, _: bool) -> net::Result<()> {
        Ok(())
    }
    fn listen(&self, _: usize) -> net::Result<()> {
        Ok(())
    }
    fn accept(&self) -> net::Result<Arc<dyn Socket>> {
        let next = self.pending.lock().expect("it").pop_front();
        next.map(|socket| socket as Arc<dyn Socket>).ok_or(NetError::WouldBlock)
    }
    fn connect(&self, _: SocketAddr) -> net::Result<()> {
        Err(NetError::Unsupported)
    }
    fn send(&self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> net::Result<usize> {
        let mut room = self.room.lock().expect("it");
        if *room == 0 {
            return Err(NetError::WouldBlock);
        }
        let mut bytes = vec![0; *room];
        let len = fill(&mut bytes);
        *room -= len;
        self.sent.lock().expect("it").extend(&bytes[..len]);
        Ok(len)
    }
    fn receive(&self, _: bool, take: &mut dyn FnMut(&[u8]) -> usize) -> net::Result<usize> {
        let mut received = self.received.lock().expect("it");
        if received.is_empty() {
            return Err(NetError::WouldBlock);
        }
        let taken = take(&received);
        received.drain(..taken);
        Ok(taken)
    }
    fn shutdown(&self, _: Shutdown) -> net::Result<()> {
        Ok(())
    }
    fn local(&self) -> Option<SocketAddr> {
        None
    }
    fn peer(&self) -> Option<SocketAddr> {
        None
    }
    fn ready(&self) -> Ready {
        let receive = !self.pending.lock().expect("it").is_empty();
        Ready { receive, ..Ready::default() }
    }
    fn take_error(&self) -> Option<NetError> {
        None
    }
    fn available(&self) -> usize {
        0
    }
    fn set_no_delay(&self, _: bool) {}
    fn set_keep_alive(&self, _: Option<u32>) {}
    fn set_abort_on_close(&self, _: bool) {}
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }
}

impl Fake {
    fn says(&self, bytes: &[u8]) {
        self.received.lock().expect("it").extend(bytes);
        self.queue.wake_all();
    }

    fn takes(&self, room: usize) {
        *self.room.lock().expect("it") += room;
        self.queue.wake_all();
    }

    fn heard(&self) -> usize {
        self.sent.lock().expect("it").len()
    }

    /// The server has it no more.
    fn is_closed(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1
    }
}

struct Test {
    server: Server,
    listener: Arc<Fake>,
    site: Site,
    now: u64,
}

impl Test {
    fn new() -> Self {
        let listener = Arc::new(Fake::default());
        let (server, site) = (Server::new(listener.clone()), Site::load(&[]).expect("no files"));
        let mut test = Self { server, listener, site, now: 1 };
        test.round();
        test
    }

    /// A client that waits to be accepted.
    fn client(&self) -> Arc<Fake> {
        let client = Arc::new(Fake { room: Mutex::new(1 << 20), ..Fake::default() });
        self.listener.pending.lock().expect("it").push_back(client.clone());
        self.listener.queue.wake_all();
        client
    }

    /// A millisecond later. There must be something to do.
    fn round(&mut self) {
        self.now += 1_000_000;
        self.server.wait();
        self.server.round(&self.site, self.now);
    }

    /// As many clients as there is room for, each a millisecond after the one before.
    fn full(&mut self) -> Vec<Arc<Fake>> {
        let one = |test: &mut Self| {
            let client = test.client();
            test.round();
            client
        };
        (0..CONNECTIONS).map(|_| one(self)).collect()
    }
}

fn closed(clients: &[Arc<Fake>]) -> Vec<usize> {
    (0..clients.len()).filter(|&index| clients[index].is_closed()).collect()
}

#[test]
fn the_one_that_was_idle_the_longest_makes_room() {
    let mut test = Test::new();
    let clients = test.full();
    assert_eq!(closed(&clients), []);
    // The first two do something; then the third has done nothing for the longest time.
    for client in &clients[..2] {
        client.says(REQUEST);
        test.round();
        assert!(client.heard() > 0);
    }
    let new = test.client();
    new.says(REQUEST);
    test.round();
    assert!(new.heard() > 0, "served at once");
    assert_eq!(closed(&clients), [2]);
    // Many at once.
    test.now += GRACE;
    let more: Vec<_> = (0..CONNECTIONS - 3).map(|_| test.client()).collect();
    test.round();
    assert_eq!(closed(&clients), (2..CONNECTIONS).collect::<Vec<_>>());
    assert!(closed(&more).is_empty() && !new.is_closed());
}

/// Clients that all want something do not throw each other out before they had time to say what.
#[test]
fn who_has_just_come_is_not_given_up() {
    let mut test = Test::new();
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| test.client()).collect();
    test.round();
    let came = test.now;
    let new = test.client();
    new.says(REQUEST);
    test.round();
    assert_eq!((closed(&clients).len(), new.heard()), (0, 0));
    assert_eq!(test.server.deadline(), came + GRACE, "then there is room");
    test.server.round(&test.site, came + GRACE - 1);
    assert_eq!(new.heard(), 0);
    test.server.round(&test.site, came + GRACE);
    assert!(new.heard() > 0);
    assert_eq!(closed(&clients), [0]);
    assert!(test.server.deadline() > came + GRACE, "nobody waits");
}

#[test]
fn a_request_that_has_come_is_answered_first() {
    let mut test = Test::new();
    let clients = test.full();
    // The round gets to the new client before it gets to the first one's request.
    let new = test.client();
    clients[0].says(REQUEST);
    test.round();
    assert!(clients[0].heard() > 0 && !clients[0].is_closed());
    assert_eq!(closed(&clients), [1]);
    assert!(!new.is_closed());
}

#[test]
fn an_answer_on_its_way_is_not_given_up() {
    let mut test = Test::new();
    let clients = test.full();
    for (index, client) in clients.iter().enumerate() {
        match index {
            // An answer that is taken in part; a request that has begun; the last answer.
            0 => *client.room.lock().expect("it") = 10,
            1 => client.says(&REQUEST[..5]),
            2 => client.says(LAST),
            _ => {}
        }
        if index == 0 {
            client.says(REQUEST);
        }
    }
    test.round();
    assert_eq!(clients[0].heard(), 10);
    let mut one = || {
        let _ = test.client();
        test.round();
    };
    for _ in 2..CONNECTIONS {
        one();
    }
    // Bytes of a request are not its end; the last answer was given later.
    let mut gone: Vec<_> = (1..CONNECTIONS).filter(|&index| index != 2).collect();
    assert_eq!(closed(&clients), gone);
    test.now += GRACE;
    let _ = test.client();
    test.round();
    gone.insert(1, 2);
    assert_eq!(closed(&clients), gone);
}

#[test]
fn requests_that_do_not_come_to_their_end_make_room() {
    let mut test = Test::new();
    let clients = test.full();
    for client in &clients {
        client.says(&REQUEST[..1]);
    }
    clients[7].says(&LAST[1..]);
    test.round();
    test.now += GRACE;
    let new = test.client();
    test.round();
    assert_eq!(closed(&clients), [0]);
    new.says(&REQUEST[..1]);
    test.round();
    test.now += GRACE;
    let second = test.client();
    second.says(REQUEST);
    test.round();
    assert!(second.heard() > 0);
    assert_eq!(closed(&clients), [0, 1]);
}

/// A server that is full of clients who take their answers slowly, and a client more.
fn answering() -> (Test, Vec<Arc<Fake>>, Arc<Fake>) {
    let mut test = Test::new();
    let clients = test.full();
    for client in &clients {
        *client.room.lock().expect("it") = 10;
        client.says(REQUEST);
    }
    test.round();
    let new = test.client();
    new.says(REQUEST);
    test.round();
    (test, clients, new)
}

#[test]
fn answers_on_their_way_keep_the_others_waiting() {
    let (mut test, clients, new) = answering();
    assert_eq!(closed(&clients), []);
    assert_eq!(new.heard(), 0, "there is no room");
    // One takes its answer to its end: it can be given up now.
    clients[9].takes(1000);
    test.round();
    assert!(clients[9].heard() > 10);
    clients[8].takes(10);
    let started = test.now;
    while new.heard() == 0 {
        assert!(test.now < started + IDLE / 2, "served before anybody was idle for too long");
        let another = test.client();
        test.round();
        drop(another);
    }
    assert!(closed(&clients).contains(&9));
    assert!(!clients[8].is_closed());
}

#[test]
fn who_does_nothing_for_too_long_is_closed() {
    let mut test = Test::new();
    let clients: Vec<_> = (0..3).map(|_| test.client()).collect();
    test.round();
    test.now += IDLE / 2;
    clients[1].says(REQUEST);
    test.round();
    // Bytes of a request are not its end.
    clients[2].says(&REQUEST[..5]);
    test.round();
    test.now += IDLE / 2;
    clients[0].queue.wake_all();
    test.round();
    assert_eq!(closed(&clients), [0, 2]);
    test.now += IDLE / 2;
    clients[1].queue.wake_all();
    test.round();
    assert_eq!(closed(&clients), [0, 1, 2]);
}

#[test]
fn who_waits_while_all_are_answered_is_served_without_another_call() {
    let (mut test, clients, new) = answering();
    assert_eq!((closed(&clients), new.heard()), (vec![], 0), "there is no room");
    // All take their answers, and say no more.
    for client in &clients {
        client.takes(1 << 20);
    }
    test.round();
    let served_by = test.now + 2 * GRACE;
    while new.heard() == 0 {
        let next = test.server.deadline();
        assert!(next <= served_by, "nobody looks who waits");
        test.now = next;
        test.server.round(&test.site, next);
    }
    assert_eq!(closed(&clients), [0]);
}
