using System;

namespace Hotseat
{
    /// <summary>URLs of a service and of its models.</summary>
    internal static class Address
    {
        /// <summary>A base URL without its last slash; throws ConfigError.</summary>
        public static string Base(string url)
        {
            var isOne = Uri.TryCreate(url, UriKind.Absolute, out var parts)
                && (parts.Scheme == "http" || parts.Scheme == "https") && parts.Host != "";
            if (isOne && parts.UserInfo != "")
            {
                throw new ConfigError("a base URL holds no user or password: give ApiKey");
            }
            if (!isOne || parts.Query != "" || parts.Fragment != "" || url.EndsWith("?"))
            {
                // without the URL where it may hold a password
                var shown = url.Contains("@") ? "what was given" : $"\"{url}\"";
                throw new ConfigError(
                    $"{shown} is no base URL, such as https://models.example/prod; set "
                    + "HOTSEAT_URL or give BaseUrl");
            }
            return url.TrimEnd('/');
        }

        /// <summary>The path of a model's endpoint; throws ConfigError.</summary>
        public static string Path(string verb, string model, object version)
        {
            if (model == null)
            {
                if (version == null) return "/model-service";
                throw new ConfigError("a version belongs to a model: give Model as well");
            }
            var numbered = version == null ? "" : $"/versions/{Part(version.ToString())}";
            return $"/v1/models/{Part(model)}{numbered}/{verb}";
        }

        /// <summary>Quote a segment of a path; throws ConfigError for dots alone.</summary>
        public static string Part(string name)
        {
            if (name == "" || name == "." || name == "..")
            {
                throw new ConfigError($"\"{name}\" names no model or version");
            }
            return Uri.EscapeDataString(name);
        }
    }
}
