# Fills redis with 20,000 keys, then changes 500 of them while a child writes them all to a file. docs/fork-bills.md
mkdir /tmp/redis && cd /tmp/redis || exit 1
redis-server --port 6379 --bind 127.0.0.1 --dir /tmp/redis --save '' --daemonize no --logfile log &
server=$!
until [ "$(redis-cli ping 2>/dev/null)" = PONG ]; do sleep 0.05; done
redis-cli eval 'for i = 1, 20000 do redis.call("set", "key:" .. i, "value " .. i) end return 20000' 0
redis-cli bgsave
redis-cli eval 'for i = 1, 500 do redis.call("incr", "count:" .. i) redis.call("append", "key:" .. i * 37, "!") end return 500' 0
until redis-cli info persistence | grep -q '^rdb_bgsave_in_progress:0'; do sleep 0.05; done
redis-cli info persistence | grep '^rdb_last_bgsave_status' | tr -d '\r'
redis-cli shutdown nosave
wait $server
