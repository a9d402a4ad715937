-- oldest writer: 6
-- Where the server compiles what looks expensive, that took most of the time of these two.
ALTER FUNCTION wamon.check_webhook_system_health(integer, integer, integer, double precision) SET jit = off;
ALTER FUNCTION wamon.get_webhook_performance_stats(integer) SET jit = off;
