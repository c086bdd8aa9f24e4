# What every script of the test cluster shares. Sourced, never run.
#
# TOLLGATE_CLUSTER_DIR  state of the cluster, removed by ./down; another folder is another cluster
# TOLLGATE_CLUSTER_BIN  the programs that ./build makes; kept between clusters, one folder for each
#                       state of their sources
HELM_VERSION=v4.2.4
: "${TOLLGATE_CLUSTER_DIR:=${TMPDIR:-/tmp}/tollgate-cluster}"
if [ -z "${TOLLGATE_CLUSTER_BIN:-}" ]; then
  sources=$(cd "$CLUSTER_HOME/programs" && { echo "helm $HELM_VERSION"; find . -type f | LC_ALL=C sort | xargs sha256sum; } | sha256sum)
  TOLLGATE_CLUSTER_BIN=${XDG_CACHE_HOME:-$HOME/.cache}/tollgate/cluster/${sources:0:16}
fi
# The pods' control groups lie below this name.
CLUSTER_CGROUP=$(basename "$TOLLGATE_CLUSTER_DIR")
CONTAINERD_SOCKET=$TOLLGATE_CLUSTER_DIR/containerd.sock
export TOLLGATE_CLUSTER_DIR TOLLGATE_CLUSTER_BIN
export KUBECONFIG=$TOLLGATE_CLUSTER_DIR/kubeconfig
# /usr/sbin has iptables and ip, which is not on everybody's path.
export PATH=$TOLLGATE_CLUSTER_BIN:$PATH:/usr/sbin:/sbin

# init_pid prints the host's process id of the node's first process, if it lives.
init_pid() {
  local pid
  pid=$(cat "$TOLLGATE_CLUSTER_DIR/init.pid" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q "node $TOLLGATE_CLUSTER_DIR " || return 1
  echo "$pid"
}
