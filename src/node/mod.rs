//! What runs on a node: kubelet, kube-proxy, the container network, images.
