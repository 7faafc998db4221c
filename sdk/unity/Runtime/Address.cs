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
                throw new ConfigError("a base URL must not contain user or password: set ApiKey");
            }
            if (!isOne || parts.Query != "" || parts.Fragment != "" || url.EndsWith("?"))
            {
                // hide a URL that may contain a password
                var shown = url.Contains("@") ? "the base URL" : $"\"{url}\"";
                throw new ConfigError(
                    $"{shown} is not a base URL, such as https://models.example/prod; set "
                    + "HOTSEAT_URL or BaseUrl");
            }
            return url.TrimEnd('/');
        }

        /// <summary>The path of a model's endpoint; throws ConfigError.</summary>
        public static string Path(string verb, string model, object version)
        {
            if (model == null)
            {
                if (version == null) return "/model-service";
                throw new ConfigError("Version without Model: set Model as well");
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
