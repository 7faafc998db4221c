using System;
using System.Collections.Generic;
using System.Linq;

namespace Hotseat.Tests
{
    /// <summary>The rules that no vector tells: the circuit, defaults, addresses, keys.</summary>
    internal static class Rules
    {
        private const string Good = "{\"status\":200,\"body\":{\"label\":\"a\"}}";

        public static void An_answer_that_is_none_is_a_transport_error()
        {
            foreach (var text in new[]
            {
                "", "[]", "null", "{}", "{\\\"label\\\":null}", "<html>", "{\\\"label\\\":",
                "{\\\"label\\\":3}", "{\\\"label\\\":\\\"a\\\",\\\"scores\\\":3}", "{\\\"item\\\":3}",
                "{\\\"value\\\":1,\\\"version\\\":\\\"x\\\"}", "{\\\"item\\\":[1]}",
                "{\\\"value\\\":1,\\\"scores\\\":{\\\"a\\\":null}}",
            })
            {
                var server = Server.Of($"{{\"status\":200,\"text\":\"{text}\"}}");
                var options = new CallOptions { Deadline = 0.0001 };
                var ticket = server.Client().Predict("x", options);
                Program.Fails(text, "TransportError", () => ticket.Result());
                Program.Check("a default meanwhile", ticket.Result("ok").IsDefault);
            }
        }

        public static void Half_a_batch_or_catalogue_is_a_transport_error()
        {
            foreach (var text in new[]
            {
                "{}", "{\"predictions\":null}", "{\"predictions\":[{\"label\":\"a\"}]}",
                "{\"predictions\":[{\"label\":\"a\"},{}]}", "{\"predictions\":[\"a\",\"b\"]}",
            })
            {
                var answer = (Dictionary<string, object>)Json.Read(text);
                Program.Fails(text, "TransportError", () => Answer.Predictions(answer, 2, 0));
            }
            foreach (var text in new[]
            {
                "{}", "{\"models\":[{}]}", "{\"models\":{\"a\":1}}",
                "{\"models\":[{\"name\":\"a\",\"kind\":\"b\",\"version\":null}]}",
            })
            {
                var answer = (Dictionary<string, object>)Json.Read(text);
                Program.Fails(text, "TransportError", () => Answer.Models(answer));
            }
        }

        public static void The_circuit_opens_and_one_call_looks()
        {
            var server = Server.Of();
            var heard = new List<string>();
            var client = server.Client(new ClientOptions { Hook = call => heard.Add(call.Error) });
            for (var call = 0; call < 5; call++)
            {
                server.Settle(client, client.Predict("x", new CallOptions { Deadline = 0.001 }));
            }
            Program.Same("openings", client.CircuitOpenedCount, 1);
            var sent = server.Requests.Count;
            Program.Fails("refused", "CircuitOpenError", () => client.Predict("x").Result());
            var standIn = client.PredictAsync("x", new CallOptions { Default = "ok" }).Result;
            Program.Same("a default", standIn.Label, "ok");
            Program.Same("nobody was asked", server.Requests.Count, sent);
            Program.Same("the hook heard", heard.Last(), "CircuitOpenError");
            server.Now += 1.5;
            server.Answers.Enqueue((Dictionary<string, object>)Json.Read(Good));
            Program.Same("one call looks", client.Predict("x").Result().Label, "a");
        }

        public static void Retries_are_limited_and_each_try_is_logged()
        {
            var lines = new List<string>();
            var server = Server.Of();
            var client = server.Client(new ClientOptions
            {
                Log = line =>
                {
                    lines.Add(line);
                    throw new Exception("mine");
                },
                ApiKey = "s3cret",
            });
            server.Settle(client, client.Predict("typed", new CallOptions { Retries = 2, Deadline = 60 }));
            Program.Same("tries", server.Requests.Count, 3);
            Program.Same("lines", lines.Count, 3);
            Program.Same("a line", lines[2],
                "hotseat POST /model-service: try 3: TransportError: there is no further answer");
            server.Answers.Enqueue((Dictionary<string, object>)Json.Read(Good));
            client.PredictAsync("typed").Wait();
            Program.Same("a line", lines[3], "hotseat POST /model-service: try 1: 200");
            Program.Check("no secrets", !string.Concat(lines).Contains("s3cret") && !string.Concat(lines).Contains("typed"));
        }

        public static void A_broken_model_silences_no_other()
        {
            var server = Server.Of();
            var client = server.Client();
            for (var call = 0; call < 6; call++)
            {
                server.Settle(client, client.Predict("x", new CallOptions { Model = "bad", Default = "d" }));
            }
            Program.Check("its circuit opened", client.CircuitOpenedCount > 0);
            server.Answers.Enqueue((Dictionary<string, object>)Json.Read(Good));
            Program.Same("the other answers",
                client.PredictAsync("x", new CallOptions { Model = "good" }).Result.Label, "a");
        }

        public static void A_callers_tiny_deadline_does_not_open_the_circuit()
        {
            var server = Server.Of();
            var client = server.Client();
            Action<double?> late = deadline =>
            {
                server.Answers.Enqueue((Dictionary<string, object>)Json.Read("{\"fault\":\"late\"}"));
                var options = new CallOptions { Deadline = deadline, Default = "d" };
                server.Settle(client, client.Predict("x", options));
            };
            for (var call = 0; call < 20; call++) late(0.1);
            Program.Same("closed", client.CircuitOpenedCount, 0);
            for (var call = 0; call < 5; call++) late(null);
            Program.Same("its own deadline does", client.CircuitOpenedCount, 1);
        }

        public static void An_expired_token_is_replaced_at_once()
        {
            const string expired = "{\"status\":401,\"body\":{\"code\":\"unauthorized\"}}";
            var server = Server.Of(expired, Good, expired, expired);
            var tokens = 0;
            var client = server.Client(new ClientOptions { Token = () => $"{++tokens}" });
            Program.Same("answered", client.PredictAsync("x").Result.Label, "a");
            Program.Same("with a new one", server.Requests[1].Headers["authorization"], "Bearer 2");
            Program.Same("without a pause", server.Waits.Count, 0);
            Program.Fails("once", "AuthError", () => client.PredictAsync("x").GetAwaiter().GetResult());
        }

        public static void The_circuit_breaker_by_its_steps()
        {
            var now = 100.0;
            var breaker = new CircuitBreaker(() => now);
            var step = 0;
            // what is heard; whether a call is admitted then; how often it opened
            Action<Action, bool, int> after = (heard, admitted, openings) =>
            {
                heard();
                Program.Same($"step {++step}", breaker.Admit(), admitted);
                Program.Same($"openings at {step}", breaker.OpenedCount, openings);
            };
            for (var failure = 0; failure < 4; failure++) after(() => breaker.Failed(), true, 0);
            after(() => breaker.Failed(), false, 1);
            after(() => now += 0.9, false, 1);
            after(() => now += 0.2, true, 1);
            after(() => { }, false, 1); // one looks, and no other
            after(() => breaker.Failed(), false, 2);
            after(() => now += 1.9, false, 2);
            after(() => now += 0.2, true, 2);
            after(breaker.GaveUp, true, 2); // nobody heard what the look found: another may
            after(() => breaker.Failed(), false, 3);
            after(() => breaker.Failed(), false, 3); // was under way before
            after(() => now += 3.9, false, 3);
            after(() => now -= 1000, true, 3); // a clock that jumps back
            after(breaker.Succeeded, true, 3);
            for (var failure = 0; failure < 4; failure++) after(() => breaker.Failed(), true, 3);
            after(() => breaker.Failed(), false, 4);
            after(() => now += 1.1, true, 4); // closing it made the pause short again
            for (var look = 0; look < 10; look++)
            {
                after(() => breaker.Failed(), false, 5 + look);
                after(() => now += 30.1, true, 5 + look); // the longest pause
            }
        }

        public static void A_success_gives_a_tenth_of_a_retry_back()
        {
            var breaker = new CircuitBreaker(() => 0);
            for (var token = 0; token < 11; token++) Program.Same("token", breaker.MayRetry(), token < 10);
            for (var success = 0; success < 10; success++) breaker.Succeeded();
            Program.Check("one more", breaker.MayRetry() && !breaker.MayRetry());
        }

        public static void A_retry_after_of_0_becomes_no_storm()
        {
            var server = Server.Of(
                "{\"status\":503,\"headers\":{\"retry-after\":\"0\"},\"text\":\"\"}", Good);
            var client = server.Client();
            server.Settle(client, client.Predict("x"));
            Program.Check("waits", Math.Abs(server.Waits.Single() - 0.025) < 1e-6);
        }

        public static void The_retry_budget_ends()
        {
            var server = Server.Of();
            var client = server.Client();
            server.Settle(client, client.Predict("x", new CallOptions { Deadline = 80000 }));
            Program.Same("one try and ten more", server.Requests.Count, 11);
        }

        public static void What_a_transport_throws_is_a_transport_error()
        {
            var given = new ClientOptions { Transport = new Broken(), Deadline = 60, Random = () => 0 };
            using (var client = new ModelServiceClient(given))
            {
                Program.Fails("a task", "TransportError",
                    () => client.PredictAsync("x").GetAwaiter().GetResult());
            }
        }

        public static void Addresses_that_cannot_work_are_refused()
        {
            foreach (var url in new[]
            {
                "game.example", "ftp://x", "http://", "http://x:99999", "http://x?a", "http://[x",
                "https://ada:s3cret@x", "http://x#a", "/models",
            })
            {
                try
                {
                    new ModelServiceClient(url);
                    Program.Check(url, false);
                }
                catch (ConfigError error)
                {
                    Program.Check("not shown", !error.ToString().Contains("s3cret"), error);
                }
            }
            foreach (var name in new[] { "", ".", ".." })
            {
                Program.Fails("no name", "ConfigError", () => Address.Part(name));
            }
            Program.Same("quoted", Address.Part("é/ö"), "%C3%A9%2F%C3%B6");
            Program.Same("no slash", new ModelServiceClient("https://x/prod/").BaseUrl, "https://x/prod");
        }

        public static void A_key_goes_along_and_is_shown_nowhere()
        {
            var server = Server.Of("{\"status\":403,\"body\":{\"message\":\"Forbidden\"}}", Good);
            var client = server.Client(new ClientOptions { ApiKey = "s3cret" });
            var error = client.Predict("x").Error;
            Program.Same("sent", server.Requests[0].Headers["x-api-key"], "s3cret");
            Program.Check("not shown", !(client.ToString() + error).Contains("s3cret"), error);
            Program.Same("says", error.Message, "403: Forbidden");
            foreach (var key in new[] { "s3cret\n", "密s3cret" })
            {
                var options = new ClientOptions { ApiKey = key, BaseUrl = "http://x" };
                try
                {
                    new ModelServiceClient(options);
                    Program.Check("refused", false);
                }
                catch (ConfigError refused)
                {
                    Program.Check("not shown", !refused.ToString().Contains("s3cret"));
                }
            }
            var tokens = 0;
            var player = server.Client(new ClientOptions { Token = () => $"token-{++tokens}" });
            player.Predict("x");
            Program.Same("a token", server.Requests[1].Headers["authorization"], "Bearer token-1");
            var reset = (Dictionary<string, object>)Json.Read("{\"fault\":\"reset\"}");
            server.Answers.Enqueue(reset);
            server.Answers.Enqueue((Dictionary<string, object>)Json.Read(Good));
            server.Settle(player, player.Predict("x"));
            Program.Same("a new one a try", server.Requests.Last().Headers["authorization"], "Bearer token-3");
            var broken = server.Client(new ClientOptions { Token = () => throw new Exception("s3cret") });
            var none = broken.Predict("x").Error;
            Program.Check("told, and not shown", none is TokenError && !$"{none}".Contains("s3cret"), none);
            var empty = server.Client(new ClientOptions { Token = () => null });
            Program.Fails("none", "TokenError", () => empty.PredictAsync("x").GetAwaiter().GetResult());
            Program.Check("a default", empty.Predict("x", new CallOptions { Default = 1 }).Result().IsDefault);
        }

        public static void A_hook_that_fails_stops_no_game()
        {
            var server = Server.Of(Good);
            var client = server.Client(new ClientOptions { Hook = _ => throw new Exception("mine") });
            Program.Same("answered", client.Predict("x").Result().Label, "a");
        }

        public static void A_default_stands_where_a_game_looks()
        {
            var text = Answer.StandIn("3", 0, null);
            Program.Same("a text", new[] { text.Label, text.Action, text.Value, text.Source },
                new[] { "3", "3", "3", "default" });
            Program.Same("rows", Answer.StandIn(new[] { "#@#" }, 0, null).Item, new[] { "#@#" });
            Program.Same("a number", Answer.StandIn(3, 0, null).Value, 3);
            var whole = Answer.StandIn(new Prediction { Label = "x", Version = 2 }, 1, null);
            Program.Check("as it is", whole.Label == "x" && whole.Version == 2 && whole.IsDefault);
            var options = new CallOptions { Model = "m", Default = 3, Deadline = -1 };
            var chosen = Server.Of().Client().Choose(new[] { 0 }, options).Result();
            Program.Same("a number is an action", chosen.Action, "3");
        }

        public static void What_cannot_work_is_told_at_once()
        {
            var server = Server.Of();
            var client = server.Client();
            foreach (var options in new[]
            {
                new CallOptions { Version = 1 }, new CallOptions { Deadline = double.NaN },
                new CallOptions { Deadline = double.PositiveInfinity }, new CallOptions { Model = ".." },
                new CallOptions { Version = 1, Default = "ok" },
            })
            {
                Program.Fails("a ticket", "ConfigError", () => client.Predict("x", options).Result());
                Program.Fails("a task", "ConfigError",
                    () => client.PredictAsync("x", options).GetAwaiter().GetResult());
            }
            Program.Fails("one text", "ConfigError", () => client.PredictMany("abc").Result());
            Program.Fails("no JSON", "ConfigError", () => client.Submit(new object()).Result());
            Program.Fails("no model", "ConfigError", () => client.Explain("x", null).Result());
            Program.Fails("no model", "ConfigError", () => client.Choose(new[] { 0 }, null).Result());
            Program.Fails("a client", "ConfigError",
                () => server.Client(new ClientOptions { Deadline = 0 }));
            Program.Fails("a batch", "ConfigError", () => server.Client(new ClientOptions { Batch = 0 }));
            Program.Fails("a window", "ConfigError",
                () => server.Client(new ClientOptions { Window = double.NaN }));
            Program.Same("nobody was asked", server.Requests.Count, 0);
            var late = client.Predict("x", new CallOptions { Deadline = -0.1, Default = "ok" });
            Program.Check("no time left", late.Result().IsDefault);
        }

        public static void A_card_and_readiness()
        {
            var server = Server.Of(
                "{\"status\":200,\"body\":{\"name\":\"m\",\"kind\":\"policy\",\"version\":2,\"card\":\"# m\"}}",
                "{\"status\":200,\"body\":{\"ready\":true}}", "{\"status\":404,\"text\":\"\"}");
            var client = server.Client();
            Program.Same("card", client.Card("m").Result().Raw["card"], "# m");
            Program.Same("ready", client.IsReady().Result(), true);
            Program.Same("not ready", client.IsReadyAsync().Result, false);
        }
    }
}
