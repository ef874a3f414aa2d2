using PixSearch.Abstractions;

namespace PixSearch.Deploy.Tests;

/// <summary>
/// Goal: what the manifests say is true of the code and complete. Each check runs on the files as they are, and on
/// the rendered overlay where kubectl is installed.
/// </summary>
public sealed class KubernetesTests
{
    // The operator's to make; any other secret must be there.
    private static readonly string[] s_secrets = ["pixsearch-secrets", "pixsearch-tls"];

    private static readonly string[] s_overlays = ["deploy/k8s/overlays/cpu", "deploy/k8s/overlays/gpu"];

    private static readonly string[] s_workloads = ["Deployment", "StatefulSet"];

    public static TheoryData<string, bool> Sources()
    {
        var data = new TheoryData<string, bool>();
        foreach (string overlay in s_overlays)
        {
            data.Add(overlay, false);
            if (Manifests.HasKubectl)
            {
                data.Add(overlay, true);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void Manifest_NamesReferredTo_Exist(string overlay, bool rendered)
    {
        List<Node> all = Load(overlay, rendered);
        var names = all.Select(node => (node.Kind, node.Name)).ToHashSet();
        var wanted = new List<(string Kind, string Name)>();
        foreach (Node node in all.SelectMany(node => node.Descendants()))
        {
            Add(wanted, "ConfigMap", node["configMapRef"]["name"]);
            Add(wanted, "Secret", node["secretKeyRef"]["name"]);
            Add(wanted, "Secret", node["secret"]["secretName"]);
            Add(wanted, "ServiceAccount", node["serviceAccountName"]);
            Add(wanted, "Service", node["serviceName"]);
            if (node["scaleTargetRef"].Exists)
            {
                wanted.Add((node["scaleTargetRef"]["kind"].Text, node["scaleTargetRef"]["name"].Text));
            }
        }

        Assert.NotEmpty(wanted);
        Assert.Empty(wanted.Distinct().Except(names).Except(s_secrets.Select(secret => ("Secret", secret))));
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void Manifest_Selectors_MatchPods(string overlay, bool rendered)
    {
        List<Node> all = Load(overlay, rendered);
        Dictionary<string, string>[] pods =
            [.. Workloads(all).Select(node => Labels(node["spec"]["template"]["metadata"]["labels"]))];
        foreach (Node node in all)
        {
            Node selector = node.Kind switch
            {
                "Service" => node["spec"]["selector"],
                "Deployment" or "StatefulSet" or "PodDisruptionBudget" => node["spec"]["selector"]["matchLabels"],
                "NetworkPolicy" => node["spec"]["podSelector"]["matchLabels"],
                _ => default,
            };
            if (selector.Exists)
            {
                Dictionary<string, string> labels = Labels(selector);
                Assert.True(pods.Any(pod => labels.All(label => pod.GetValueOrDefault(label.Key) == label.Value)),
                    $"{node.Kind} {node.Name} selects no pod");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void Container_Probes_HitEndpointsOfTheCode(string overlay, bool rendered)
    {
        foreach (Node container in OurContainers(Load(overlay, rendered)))
        {
            Assert.Equal(ServiceEndpoints.ReadyPath, container["startupProbe"]["httpGet"]["path"].Text);
            Assert.Equal(ServiceEndpoints.ReadyPath, container["readinessProbe"]["httpGet"]["path"].Text);
            Assert.Equal(ServiceEndpoints.LivePath, container["livenessProbe"]["httpGet"]["path"].Text);
            Node stop = container["lifecycle"]["preStop"];
            if (container["name"].Text == "silo")
            {
                Assert.Equal(ServiceEndpoints.DrainPath, stop["httpGet"]["path"].Text);
            }
            else
            {
                // The gateway has no such endpoint: it drains on SIGTERM, once load balancers had time to forget it.
                Assert.Equal("5", stop["sleep"]["seconds"].Text);
            }

            string[] ports = [.. container["ports"].Items.Select(port => port["name"].Text)];
            foreach (string probe in (string[])["startupProbe", "readinessProbe", "livenessProbe"])
            {
                Assert.Contains(container[probe]["httpGet"]["port"].Text, ports);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void Ports_AreThoseOfTheCode(string overlay, bool rendered)
    {
        var known = new Dictionary<string, int>
        {
            ["http"] = ServiceEndpoints.HttpPort,
            ["grpc"] = ServiceEndpoints.GrpcPort,
            ["silo"] = ServiceEndpoints.SiloPort,
            ["silo-gateway"] = ServiceEndpoints.SiloGatewayPort,
        };
        List<Node> all = Load(overlay, rendered);
        foreach (Node port in OurContainers(all).SelectMany(container => container["ports"].Items))
        {
            Assert.Equal(known[port["name"].Text].ToString(), port["containerPort"].Text);
        }

        string[] allowed = [.. known.Values.Append(53).Append(5432).Append(4317).Select(port => port.ToString())];
        foreach (Node policy in all.Where(node => node.Kind == "NetworkPolicy"))
        {
            IEnumerable<Node> rules = policy["spec"]["ingress"].Items.Concat(policy["spec"]["egress"].Items);
            Assert.All(rules.SelectMany(rule => rule["ports"].Items), port => Assert.Contains(port["port"].Text,
                allowed));
        }
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void Containers_AreLimitedAndUnprivileged(string overlay, bool rendered)
    {
        foreach (Node workload in Workloads(Load(overlay, rendered)))
        {
            Node pod = workload["spec"]["template"]["spec"];
            Assert.Equal("True", pod["securityContext"]["runAsNonRoot"].Text, ignoreCase: true);
            foreach (Node container in pod["containers"].Items.Concat(pod["initContainers"].Items))
            {
                string name = $"{workload.Name}/{container["name"].Text}";
                Assert.True(container["resources"]["limits"]["memory"].Exists, $"{name} has no memory limit");
                Assert.True(container["resources"]["requests"]["cpu"].Exists, $"{name} asks for no CPU");
                Assert.Equal("True", container["securityContext"]["readOnlyRootFilesystem"].Text, ignoreCase: true);
                Assert.Equal("False", container["securityContext"]["allowPrivilegeEscalation"].Text, ignoreCase: true);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void Manifest_SecretsInClear_AreNone(string overlay, bool rendered)
    {
        List<Node> all = Load(overlay, rendered);
        Assert.DoesNotContain(all, node => node.Kind == "Secret");
        foreach (Node variable in all.SelectMany(node => node.Descendants()).Where(node => node["name"].Exists))
        {
            bool secret = variable["name"].Text.Contains("PASSWORD", StringComparison.OrdinalIgnoreCase)
                || variable["name"].Text.EndsWith("POSTGRES", StringComparison.OrdinalIgnoreCase);
            Assert.False(secret && variable["value"].Exists, $"{variable["name"].Text} is in clear");
        }
    }

    [KubectlFact]
    public void Overlays_Images_ArePinned()
    {
        foreach (Node container in s_overlays.SelectMany(overlay => Workloads(Manifests.Render(overlay)))
            .Select(workload => workload["spec"]["template"]["spec"])
            .SelectMany(pod => pod["containers"].Items.Concat(pod["initContainers"].Items)))
        {
            string[] parts = container["image"].Text.Split(':');
            Assert.True(parts.Length == 2 && parts[1] != "latest" && parts[1].Any(char.IsAsciiDigit),
                container["image"].Text);
        }
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void Replicas_SurviveADisruption(string overlay, bool rendered)
    {
        List<Node> all = Load(overlay, rendered);
        foreach (string name in (string[])["pixsearch-silo", "pixsearch-gateway"])
        {
            Node workload = Workloads(all).Single(node => node.Name == name);
            Node budget = all.Single(node => node.Kind == "PodDisruptionBudget" && node.Name == name);
            int replicas = int.Parse(workload["spec"]["replicas"].Text);
            Assert.InRange(int.Parse(budget["spec"]["minAvailable"].Text), 1, replicas - 1);
            Node spread = workload["spec"]["template"]["spec"]["topologySpreadConstraints"].Items.Single();
            Assert.Equal("kubernetes.io/hostname", spread["topologyKey"].Text);
            Assert.Contains(all, node => node.Kind == "NetworkPolicy" && node.Name == name);
        }

        Node scaler = all.Single(node => node.Kind == "HorizontalPodAutoscaler");
        Assert.Equal("3", scaler["spec"]["minReplicas"].Text);
    }

    [KubectlFact]
    public void GpuOverlay_Connections_AreMutualTls()
    {
        List<Node> all = Manifests.Render(s_overlays[1]);
        Node settings = all.Single(node => node.Kind == "ConfigMap")["data"];
        foreach (Node container in OurContainers(all))
        {
            Node mount = container["volumeMounts"].Items.Single(mount => mount["name"].Text == "tls");
            string folder = mount["mountPath"].Text;
            Assert.Equal($"{folder}/tls.crt", settings["PIXSEARCH__TLSCERTIFICATE"].Text);
            Assert.Equal($"{folder}/tls.key", settings["PIXSEARCH__TLSKEY"].Text);
            Assert.Equal($"{folder}/ca.crt", settings["PIXSEARCH__TLSAUTHORITY"].Text);
        }
    }

    [KubectlFact]
    public void GpuOverlay_Silo_AsksForOneGpuOnAGpuNode()
    {
        Node silo = Manifests.Render(s_overlays[1]).Single(node => node.Kind == "StatefulSet");
        Node pod = silo["spec"]["template"]["spec"];
        Assert.Equal("1", pod["containers"].Items.Single()["resources"]["limits"]["nvidia.com/gpu"].Text);
        Assert.Equal("true", pod["nodeSelector"]["nvidia.com/gpu.present"].Text);
        Assert.Equal("pixsearch/cluster:0.1.0-cuda", pod["containers"].Items.Single()["image"].Text);
    }

    private static List<Node> Load(string overlay, bool rendered) =>
        rendered ? Manifests.Render(overlay) : Manifests.Collect(overlay);

    private static IEnumerable<Node> Workloads(List<Node> all) => all.Where(node => s_workloads.Contains(node.Kind));

    private static IEnumerable<Node> OurContainers(List<Node> all)
    {
        Node[] containers =
        [
            .. Workloads(all).SelectMany(node => node["spec"]["template"]["spec"]["containers"].Items)
                .Where(container => container["image"].Text.StartsWith("pixsearch/", StringComparison.Ordinal)),
        ];
        Assert.Equal(2, containers.Length);
        return containers;
    }

    private static Dictionary<string, string> Labels(Node node) =>
        node.Entries.ToDictionary(entry => entry.Key, entry => entry.Value.Text);

    private static void Add(List<(string Kind, string Name)> wanted, string kind, Node name)
    {
        if (name.Exists)
        {
            wanted.Add((kind, name.Text));
        }
    }
}

/// <summary>Needs kubectl (Debian: kubernetes-client); skipped with that reason elsewhere.</summary>
public sealed class KubectlFactAttribute : FactAttribute
{
    public KubectlFactAttribute()
    {
        if (!Manifests.HasKubectl)
        {
            Skip = "kubectl is not installed (Debian package kubernetes-client)";
        }
    }
}
