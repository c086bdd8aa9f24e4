//! Both ends over a real socket.
