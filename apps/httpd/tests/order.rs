//! The order in which connections did something, beside a list that is searched.

use httpd::order::Order;

#[test]
fn it_is_that_of_a_list() {
    let (mut order, mut list) = (Order::default(), Vec::<usize>::new());
    let mut state = 1_u64;
    for step in 0..20_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let index = (state >> 33) as usize % 40;
        list.retain(|&other| other != index);
        if state >> 63 == 0 {
            order.touch(index);
            list.push(index);
        } else {
            order.remove(index);
        }
        assert!(order.iter().eq(list.iter().copied()), "after {step} steps");
    }
}

#[test]
fn what_is_not_there_is_removed_without_harm() {
    let mut order = Order::default();
    order.remove(7);
    assert_eq!(order.iter().next(), None);
    order.touch(7);
    order.remove(3);
    order.remove(8);
    assert!(order.iter().eq([7]));
}
