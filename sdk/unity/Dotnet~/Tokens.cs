using System;
using System.Collections.Generic;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Hotseat
{
    /// <summary>Mints player tokens in a game's server. Not for a game: a key in a game is public.</summary>
    public static class Tokens
    {
        private const int MostSeconds = 86400;

        /// <summary>
        /// A JWT (ES256) for a player, who has 1 to 128 ASCII characters without spaces. The key is a
        /// private key on P-256 in PEM, PKCS #8 or SEC 1. Models are those that the token reaches (null:
        /// all of the stage), rate and burst the requests a second and at once of each (0: the stage's).
        /// Throws ArgumentException for what no service accepts.
        /// </summary>
        public static string Mint(
            string pem, string player, string game = "", IEnumerable<string> models = null,
            double rate = 0, int burst = 0, int seconds = 900, string audience = "hotseat")
        {
            CheckId(player, "player");
            if (game.Length > 0) CheckId(game, "game");
            if (seconds < 1 || seconds > MostSeconds)
                throw new ArgumentException("expected 1 to " + MostSeconds, "seconds");
            using (var key = ECDsa.Create())
            {
                key.ImportParameters(Parameters(pem));
                var point = key.ExportParameters(false).Q;
                string x = Base64Url(point.X), y = Base64Url(point.Y);
                // the key's name: the thumbprint of RFC 7638
                var kid = Base64Url(Sha256(
                    "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" + x + "\",\"y\":\"" + y + "\"}"));
                var signed = Part("{\"alg\":\"ES256\",\"kid\":\"" + kid + "\",\"typ\":\"JWT\"}") + "."
                    + Part(Claims(player, game, models, rate, burst, seconds, audience));
                // r and s, 32 bytes each, as RFC 7518 has them
                var signature = key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256);
                return signed + "." + Base64Url(signature);
            }
        }

        private static string Claims(
            string player, string game, IEnumerable<string> models, double rate, int burst,
            int seconds, string audience)
        {
            var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
            var id = new byte[8];
            using (var random = RandomNumberGenerator.Create()) random.GetBytes(id);
            var text = new StringBuilder("{\"sub\":" + Quoted(player) + ",\"aud\":" + Quoted(audience));
            text.Append(",\"iat\":" + now + ",\"exp\":" + (now + seconds));
            text.Append(",\"jti\":\"" + BitConverter.ToString(id).Replace("-", "").ToLowerInvariant() + "\"");
            if (game.Length > 0) text.Append(",\"game\":" + Quoted(game));
            if (models != null)
            {
                var names = new List<string>();
                foreach (var name in models) names.Add(Quoted(name));
                text.Append(",\"models\":[" + string.Join(",", names) + "]");
            }
            if (rate > 0) text.Append(",\"rate\":" + rate.ToString("R", CultureInfo.InvariantCulture));
            if (burst > 0) text.Append(",\"burst\":" + burst.ToString(CultureInfo.InvariantCulture));
            return text.Append("}").ToString();
        }

        /// <summary>The private number, the public point and the curve.</summary>
        private static ECParameters Parameters(string pem)
        {
            try
            {
                var start = pem.IndexOf("PRIVATE KEY-----", StringComparison.Ordinal);
                var from = pem.IndexOf('\n', start) + 1;
                var text = pem.Substring(from, pem.IndexOf("-----END", from, StringComparison.Ordinal) - from);
                return Parameters(Convert.FromBase64String(text));
            }
            catch (Exception error)
            {
                throw new ArgumentException("expected a private key on P-256 in PEM", "pem", error);
            }
        }

        /// <summary>Reads ECPrivateKey (RFC 5915), alone or inside PKCS #8 (RFC 5208).</summary>
        private static ECParameters Parameters(byte[] der)
        {
            // ECPrivateKey of P-256 begins with version 1 and an octet string of 32 bytes
            byte[] mark = { 0x02, 0x01, 0x01, 0x04, 0x20 };
            // the object identifier of P-256, 1.2.840.10045.3.1.7
            byte[] curve = { 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07 };
            if (Find(der, curve) < 0) throw new FormatException("it is not on P-256");
            // the public key: a bit string of an uncompressed point
            byte[] open = { 0x03, 0x42, 0x00, 0x04 };
            int secret = Find(der, mark), point = Find(der, open);
            if (secret < 0 || point < 0) throw new FormatException("it lacks one of its halves");
            return new ECParameters
            {
                Curve = ECCurve.NamedCurves.nistP256,
                D = Slice(der, secret + mark.Length),
                Q = new ECPoint
                {
                    X = Slice(der, point + open.Length),
                    Y = Slice(der, point + open.Length + 32),
                },
            };
        }

        private static byte[] Slice(byte[] bytes, int at)
        {
            var part = new byte[32];
            Array.Copy(bytes, at, part, 0, part.Length);
            return part;
        }

        private static int Find(byte[] bytes, byte[] part)
        {
            for (var at = 0; at + part.Length <= bytes.Length; at++)
            {
                var same = 0;
                while (same < part.Length && bytes[at + same] == part[same]) same++;
                if (same == part.Length) return at;
            }
            return -1;
        }

        private static void CheckId(string text, string what)
        {
            var good = text.Length > 0 && text.Length <= 128;
            foreach (var letter in text) good &= letter > ' ' && letter < (char)0x7F;
            if (!good) throw new ArgumentException("expected 1 to 128 ASCII characters without spaces", what);
        }

        private static string Quoted(string text)
        {
            return "\"" + text.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"";
        }

        private static string Part(string json)
        {
            return Base64Url(Encoding.UTF8.GetBytes(json));
        }

        private static byte[] Sha256(string text)
        {
            using (var hash = SHA256.Create()) return hash.ComputeHash(Encoding.ASCII.GetBytes(text));
        }

        private static string Base64Url(byte[] bytes)
        {
            return Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        }
    }
}
